"""Draws at random, the same as Jubatus makes from the same seed.

MT19937 (M. Matsumoto and T. Nishimura, "Mersenne Twister: A 623-dimensionally equidistributed uniform pseudo-random
number generator", 1998), seeded by a number of 32 bits as its authors' `init_genrand` of 2002 does.
"""

import math
import random
import struct

_WORDS = 624
_STATE = struct.Struct(
    f">{_WORDS}IH?d"
)  # words, how many of them are used up, whether there is a spare, the spare
_E = 2.718281828  # as many digits of e as Jubatus has


class MersenneTwister:
    """A generator of random draws. `seed` is taken modulo 2**32."""

    def __init__(self, seed: int) -> None:
        words = [seed % 2**32]
        for i in range(1, _WORDS):
            words.append((1812433253 * (words[-1] ^ words[-1] >> 30) + i) % 2**32)
        self._random = random.Random()
        self._random.setstate((3, (*words, _WORDS), None))
        self._spare: float | None = None

    def uniform(self) -> float:
        """A number in [0, 1), of 53 bits."""
        return self._random.random()

    def below(self, n: int) -> int:
        """An integer in [0, n)."""
        return int(self._random.random() * n)

    def gauss(self) -> float:
        """A number of the normal distribution with mean 0 and variance 1.

        Two are made at a time (G. Box and M. Muller, "A note on the generation of random normal deviates", 1958).
        """
        if self._spare is not None:
            spare, self._spare = self._spare, None
            return spare
        a, b = 1.0 - self.uniform(), 1.0 - self.uniform()
        radius = math.sqrt(-2.0 * math.log(a))
        self._spare = radius * math.cos(2.0 * math.pi * b)
        return radius * math.sin(2.0 * math.pi * b)

    def gamma(self, shape: float) -> float:
        """A number of the gamma distribution with scale 1. A shape of 0 or less gives 0, the limit.

        For shapes up to 1: J. Ahrens and U. Dieter, "Computer methods for sampling from gamma, beta, Poisson and
        binomial distributions", 1974 (GS); above: G. Marsaglia and W. Tsang, "A simple method for generating gamma
        variables", 2000.
        """
        if shape <= 0:
            return 0.0
        return self._gamma_up_to_1(shape) if shape <= 1 else self._gamma_above_1(shape)

    def _gamma_up_to_1(self, shape: float) -> float:
        c = _E / (shape + _E)
        while True:
            u1, u2 = self.uniform(), self.uniform()
            if u1 < c:
                x = math.pow(u1 / c, 1.0 / shape)
                if _log(u2) <= -x:
                    return x
            else:
                x = -math.log((1.0 - u1) / (c * shape))
                if _log(u2) <= (shape - 1.0) * _log(x):
                    return x

    def _gamma_above_1(self, shape: float) -> float:
        c1 = shape - 1.0 / 3.0
        c2 = 1.0 / math.sqrt(9.0 * c1)
        while True:
            z = self.gauss()
            if c2 * z <= -1.0:
                continue
            v = (1.0 + c2 * z) ** 3
            u = self.uniform()
            if u < 1.0 - 0.0331 * z**4 or _log(u) < z * z / 2.0 + c1 * (1.0 - v + _log(v)):
                return c1 * v

    def beta(self, a: float, b: float) -> float:
        """A number of the beta distribution; NaN where neither `a` nor `b` is above 0."""
        x = self.gamma(a)
        y = self.gamma(b)
        return x / (x + y) if x + y != 0 else math.nan

    def state(self) -> bytes:
        """All that later draws depend on."""
        *words, used = self._random.getstate()[1]
        return _STATE.pack(*words, used, self._spare is not None, self._spare or 0.0)

    def set_state(self, state: bytes) -> None:
        """Go on from a `state`. Raises `ValueError` for what is none."""
        if len(state) != _STATE.size:
            raise ValueError(f"the state of the random draws has {len(state)} bytes, expected {_STATE.size}")
        *words, used, has_spare, spare = _STATE.unpack(state)
        self._random.setstate((3, (*words, used), None))
        self._spare = spare if has_spare else None


def _log(x: float) -> float:
    return math.log(x) if x > 0 else -math.inf
