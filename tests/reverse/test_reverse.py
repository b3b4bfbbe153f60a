"""The reverse sweep: what no formula of the oracle tables holds."""

import symgd as sg


def test_a_function_that_is_not_the_whole_of_a_name_is_not_taken_for_it():
    """z = tanh(b) + sum W is built in two equations; 1 - z^2 would be the slope of the first one only if it stood alone."""
    cost = sg.parse("sum(z[k]^2, k)", where={"z[k]": "tanh(b[k]) + sum(W[k, j], j)"}, parameters=["b", "W"])
    found = cost.evaluate({"b": [0.5, -1.0], "W": [[1.0, 2.0], [0.0, 1.0]]})
    step = 1e-6
    ahead, behind = (cost.evaluate({"b": [0.5 + s, -1.0], "W": [[1.0, 2.0], [0.0, 1.0]]}).cost for s in (step, -step))
    assert abs(found.gradient["b"][0] - (ahead - behind) / (2 * step)) < 1e-6
