"""Functions that other tools have under a name, and how each is written here. A function more is a row."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

_ROWS: Final = """
average, avg            average(u)              mean(u)
median                  median(u)               mean(u), which has a derivative
var, variance           var(u)                  mean((u - mean(u))^2)
std, stdev              std(u)                  sqrt(mean((u - mean(u))^2))
dot, inner, vdot        dot(u, v)               sum(u[j]*v[j], j)
matmul, mm              matmul(A, u)            sum(A[k, j]*u[j], j)
trace, Trace            trace(A)                sum(A[j, j], j)
transpose               transpose(A)            A[j, k] with its letters exchanged
mse, MSE                mse(u, v)               mean((u - v)^2)
rmse, RMSE              rmse(u, v)              sqrt(mean((u - v)^2))
mae, MAE                mae(u, v)               mean(abs(u - v))
bce, cross_entropy      bce(p, y)               -mean(y*log(p) + (1 - y)*log(1 - p))
square, sqr             square(u)               u^2
cube                    cube(u)                 u^3
norm1                   norm1(u)                sum(abs(u[j]), j)
norm2                   norm2(u)                norm(u[j], j)
clip, clamp             clip(u, low, high)      min(max(u, low), high)
huber                   huber(u)                piecewise(u^2/2, abs(u) < 1, abs(u) - 1/2)
hinge                   hinge(u)                max(0, 1 - u)
step, indicator         step(u)                 piecewise(1, u > 0, 0)
leaky_relu, leakyrelu   leaky_relu(u)           max(u, u/100)
relu6                   relu6(u)                min(max(u, 0), 6)
elu                     elu(u)                  piecewise(u, u > 0, exp(u) - 1)
silu, swish             silu(u)                 u*sigmoid(u)
gelu                    gelu(u)                 u*erfc(-u/sqrt(2))/2
mish                    mish(u)                 u*tanh(softplus(u))
softsign                softsign(u)             u/(1 + abs(u))
logit                   logit(p)                log(p/(1 - p))
ndtr, normcdf, Phi      normcdf(u)              erfc(-u/sqrt(2))/2
normpdf                 normpdf(u)              exp(-u^2/2)/sqrt(2*pi)
beta, Beta              beta(p, q)              gamma(p)*gamma(q)/gamma(p + q)
binomial, comb          binomial(n, k)          gamma(n + 1)/(gamma(k + 1)*gamma(n - k + 1))
haversine, hav          hav(u)                  sin(u/2)^2
"""
"""Names, the call, the formula, in columns."""


def _rows() -> dict[str, str]:
    written: dict[str, str] = {}
    for line in _ROWS.strip().splitlines():
        names, call, formula = line[:24], line[24:48].strip(), line[48:]
        written |= {name.strip(): f"for {call}, {formula}" for name in names.split(",")}
    return written


WRITTEN: Final[Mapping[str, str]] = MappingProxyType(_rows())
"""Name -> what to write instead."""
