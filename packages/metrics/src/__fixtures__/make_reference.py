"""Writes reference.json: what SciPy, statsmodels and hashlib say. Not needed to run the tests.

python -m venv env && env/bin/pip install scipy==1.17.1 statsmodels==0.15.0 && env/bin/python make_reference.py > reference.json
"""

import hashlib
import json

import numpy
import scipy
import statsmodels
from scipy import special, stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

# Efron and Tibshirani 1993, tables 3.1 and 14.1; Fisher 1935, section 17, in eighths of an inch; Ezekiel 1930, from R's `cars`.
LSAT = [576, 635, 558, 578, 666, 580, 555, 661, 651, 605, 653, 575, 545, 572, 594]
GPA = [3.39, 3.30, 2.81, 3.03, 3.44, 3.07, 3.00, 3.43, 3.36, 3.13, 3.12, 2.74, 2.76, 2.88, 2.96]
MAIZE = [49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48]
SPEED = [4, 4, 7, 7, 8, 9, 10, 10, 10, 11, 11, 12, 12, 12, 12, 13, 13, 13, 13, 14, 14, 14, 14, 15, 15, 15, 16, 16, 17, 17, 17]
SPEED += [18, 18, 18, 18, 19, 19, 19, 20, 20, 20, 20, 20, 22, 23, 24, 24, 24, 24, 25]
DISTANCE = [2, 10, 4, 22, 16, 10, 18, 26, 34, 17, 28, 14, 20, 24, 28, 26, 34, 34, 46, 26, 36, 60, 80, 20, 26, 54, 32, 40, 32, 40]
DISTANCE += [50, 42, 56, 76, 84, 36, 46, 68, 32, 48, 52, 56, 64, 66, 54, 70, 92, 93, 120, 85]
RESAMPLES = 199
SEED = 7


def intervals(data, statistic, confidence):
    """SciPy's two intervals, and the rows it drew, so that the same draws can be replayed."""
    rows = len(data[0])
    drawn = numpy.random.default_rng(SEED).integers(0, rows, (RESAMPLES, rows))
    found = {}
    for method in ("percentile", "bca"):
        result = stats.bootstrap(
            data,
            statistic,
            n_resamples=RESAMPLES,
            confidence_level=confidence,
            method=method,
            paired=len(data) > 1,
            vectorized=False,
            rng=numpy.random.default_rng(SEED),
        )
        replayed = [statistic(*(numpy.asarray(values)[row] for values in data)) for row in drawn]
        numpy.testing.assert_array_equal(result.bootstrap_distribution, replayed)
        found[method] = [float(end) for end in result.confidence_interval]
        found["standardError"] = float(result.standard_error)
    return {"confidence": confidence, "drawn": drawn.ravel().tolist(), **found}


def correlation(first, second):
    return numpy.corrcoef(first, second)[0, 1]


generator = numpy.random.default_rng(11)
clusters = [f"d{index}" for index in [0, 0, 0, 1, 2, 2, 3, 4, 4, 4, 4, 5, 6, 6, 7, 8, 8, 9]]
values = numpy.round(generator.gamma(1.5, 0.2, len(clusters)) + numpy.repeat(generator.normal(0, 0.1, 10), [3, 1, 2, 1, 4, 1, 2, 1, 2, 1]), 6)
labels = list(dict.fromkeys(clusters))
sums = [float(sum(value for value, label in zip(values, clusters) if label == name)) for name in labels]
counts = [clusters.count(name) for name in labels]

ties = [0.3, -0.1, 0.25, 0.1, 0.05, -0.3, 0.4, 0.2, 0.0, 0.15, 0.2]
p_values = [0.01, 0.04, 0.03, 0.005, 0.2, 0.04, 0.9, 0.0004]
steps = [20, 30, 40, 50, 60]
published = [0.0179, 0.0179, 0.0207, 0.0183, 0.0174]  # a published step trend of AV_OUT - EMPTY
per_row = numpy.round(generator.normal(0.02, 0.03, (12, 1)) + generator.normal(0.0004, 0.0002, (12, 1)) * steps + generator.normal(0, 0.01, (12, 5)), 6)
vectors = numpy.round(generator.normal(0.4, 1, (6, 5)), 4).astype("<f4")
vectors[3] = 0


def line(x, y):
    fit = stats.linregress(x, y)
    half = stats.t.ppf(0.975, len(x) - 2) * fit.stderr
    return {
        "x": list(map(float, x)),
        "y": list(map(float, y)),
        "slope": fit.slope,
        "low": fit.slope - half,
        "high": fit.slope + half,
        "intercept": fit.intercept,
        "standardError": fit.stderr,
        "p": fit.pvalue,
        "rSquared": fit.rvalue**2,
    }


def flips(differences):
    test = stats.permutation_test((differences,), lambda x, axis: x.mean(axis=axis), permutation_type="samples", n_resamples=numpy.inf, vectorized=True)
    return {"differences": differences, "p": float(test.pvalue), "dZ": float(numpy.mean(differences) / numpy.std(differences, ddof=1))}


units = vectors[[0, 1, 2, 4, 5]].astype(float)
units /= numpy.linalg.norm(units, axis=1, keepdims=True)
reference = {
    "versions": {"numpy": numpy.__version__, "scipy": scipy.__version__, "statsmodels": statsmodels.__version__},
    "lawSchool": {"lsat": LSAT, "gpa": GPA, "correlation": float(correlation(LSAT, GPA)), **intervals((LSAT, GPA), correlation, 0.9)},
    "skewed": {"values": numpy.exp(GPA).tolist(), **intervals((numpy.exp(GPA),), numpy.mean, 0.95)},
    "clustered": {
        "values": values.tolist(),
        "clusters": clusters,
        **intervals((sums, counts), lambda total, count: numpy.sum(total) / numpy.sum(count), 0.95),
    },
    "signFlips": [flips([float(value) for value in MAIZE]), flips(ties)],
    "holm": {"p": p_values, "adjusted": multipletests(p_values, method="holm")[1].tolist()},
    "wilson": [
        {"successes": k, "trials": n, "confidence": c, "ends": [float(end) for end in proportion_confint(k, n, 1 - c, "wilson")]}
        for k, n, c in [(81, 263, 0.95), (15, 148, 0.95), (0, 20, 0.95), (1, 29, 0.95), (28, 100, 0.99), (10, 10, 0.9)]
    ],
    "lines": [line(SPEED, DISTANCE), line(steps, published)],
    "pairedTrend": {"steps": steps, "rows": per_row.tolist(), "slopes": [stats.linregress(steps, row).slope for row in per_row], "ofMeans": line(steps, per_row.mean(axis=0))},
    "student": [{"df": df, "t": t, "p": float(2 * special.stdtr(df, -abs(t))), "quantile": float(stats.t.ppf(0.975, df))} for df, t in [(1, 0.3), (3, -2.5), (48, 9.5)]],
    "normal": [{"x": x, "probability": float(special.ndtr(x))} for x in (-4.0, -1.96, -0.1, 0.0, 1.2, 3.5)],
    "referenceSet": {
        "vectors": vectors.astype(float).tolist(),
        "sha256": hashlib.sha256(numpy.ascontiguousarray(vectors, dtype="<f4")).hexdigest(),
        "rho": float(numpy.linalg.norm(units.mean(axis=0))),
        "rawvar": float(((units - units.mean(axis=0)) ** 2).sum(axis=1).mean()),
    },
}
print(json.dumps(reference))
