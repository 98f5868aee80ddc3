# SPDX-License-Identifier: Apache-2.0
"""Writes rounded.json: exponentials and cosines rounded once from 400 bits.

Python 3.11, mpmath 1.3.0: python rounded.py > rounded.json
"""
import json
import math
import random

import mpmath

mpmath.mp.prec = 400
random.seed(5)


def exponent():
    return random.choice(
        [random.uniform(-7, 7), random.uniform(-700, 709), random.uniform(-1, 1)])


def angle():
    return random.choice(
        [random.uniform(-math.pi, math.pi), random.uniform(-60, 60),
         -math.pi * random.randint(0, 50) / 50])


def rows(function, argument):
    arguments = [argument() for _ in range(3000)]
    return [[x, float(function(mpmath.mpf(x)))] for x in arguments]


print(json.dumps({"exp": rows(mpmath.exp, exponent), "cos": rows(mpmath.cos, angle)}))
