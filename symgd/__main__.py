"""`python -m symgd` is the command `symgd`."""

from symgd.command.main import main

if __name__ == "__main__":
    main(prog_name="symgd")
