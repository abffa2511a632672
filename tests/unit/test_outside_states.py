"""States that came from outside: what is read, what is refused, and what examples get of it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from sequence_examples import write_tables

from recinterpreter import schemas, tables
from recinterpreter.errors import UserError
from recinterpreter.outside.states import shape_of_states
from recinterpreter.settings.recommenders import OutsideStates
from recinterpreter.stages.import_states import import_states

N_ITEMS, HISTORY, WIDTH = 25, 4, 3
SEQUENCES = [
    np.random.default_rng(user).integers(1, N_ITEMS + 1, 3 + user % 6).tolist()
    for user in range(40)
]
Table = dict[str, list[Any]]


def name_of(user: int) -> str:
    return f"u{user + 1}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_tables(tmp_path, SEQUENCES, HISTORY, N_ITEMS)
    ids = list(range(1, len(SEQUENCES) + 1))
    users = {"user_id": ids, "source_id": [name_of(user) for user in range(len(SEQUENCES))]}
    tables.write(tmp_path / "users.parquet", users, schemas.USERS)
    return tmp_path


def state(user: int, position: int) -> list[float]:
    """A state that tells whose it is."""
    return [float(user), float(position), 0.5]


def given(start: int = 1, make: Callable[[int, int], Any] = state) -> Table:
    """States of all users at all positions."""
    pairs = [(u, p) for u, items in enumerate(SEQUENCES) for p in range(start, len(items) + 1)]
    return {
        "user": [name_of(user) for user, _ in pairs],
        "position": [position for _, position in pairs],
        "state": [make(*pair) for pair in pairs],
    }


def run(folder: Path, rows: Table, kind: str = "parquet", precision: str = "float32") -> Path:
    path, made = folder / f"states.{kind}", folder / "out" / "states.parquet"
    if kind == "npz":
        np.savez(path, **{name: np.array(column) for name, column in rows.items()})
    else:
        pl.DataFrame(rows, strict=False).write_parquet(path)
    call(folder, path, made, precision)
    return made


def call(folder: Path, path: Path, made: Path, precision: str = "float32") -> None:
    settings = {"recommender": "mine", "seed": 7, "precision": precision}
    import_states(
        settings=OutsideStates.model_validate(settings),
        given=path,
        users=folder / "users.parquet",
        interactions=folder / "interactions.parquet",
        examples=folder / "examples.parquet",
        states=made,
    )


def read(path: Path, name: str) -> np.ndarray:
    """A column of STATES, (N, L, D)."""
    rows = next(tables.read_batches(path, 10_000))
    return tables.matrix(rows[name], tables.metadata(path)["shape"][0])


def examples(folder: Path) -> pl.DataFrame:
    return pl.read_parquet(folder / "examples.parquet")


@pytest.mark.parametrize("kind", ["parquet", "npz"])
def test_after_is_the_state_at_the_target_and_before_the_one_before_it(folder, kind) -> None:
    made = run(folder, given(), kind)
    asked = examples(folder)
    users, positions = asked["user_id"].to_numpy() - 1, asked["position"].to_numpy()
    after, before = read(made, "after")[:, 0], read(made, "before")[:, 0]
    np.testing.assert_array_equal(after[:, 0], users)
    np.testing.assert_array_equal(after[:, 1], positions)
    np.testing.assert_array_equal(before[positions > 1, 1], positions[positions > 1] - 1)
    assert (before[positions > 1, 0] == users[positions > 1]).all()
    noted = tables.metadata(made)
    assert (noted["recommender"], noted["seed"], noted["source"]) == ("mine", 7, "recorded")
    assert noted["shape"] == [1, WIDTH]


@pytest.mark.parametrize("start", [0, 1])
def test_of_an_empty_history_without_a_state_nothing_is_shown(folder: Path, start: int) -> None:
    made = run(folder, given(start))
    opening = examples(folder)["position"].to_numpy() == 1
    assert opening.any()
    assert read(made, "before_mask")[opening].all() == (start == 0)
    assert read(made, "before")[opening].any() == (start == 0)
    assert read(made, "after_mask").all()


def test_the_order_of_rows_and_whole_numbers_for_names_change_nothing(folder: Path) -> None:
    rows = pl.DataFrame(given())
    first = run(folder, given()).read_bytes()
    shuffled = rows.sample(fraction=1, shuffle=True, seed=1)
    shuffled.write_parquet(folder / "states.parquet", row_group_size=7)
    call(folder, folder / "states.parquet", folder / "other.parquet")
    np.testing.assert_array_equal(
        read(folder / "other.parquet", "after"), read(folder / "out" / "states.parquet", "after")
    )
    assert run(folder, given()).read_bytes() == first  # same rows, same bytes
    ids = list(range(1, len(SEQUENCES) + 1))
    named = {"user_id": ids, "source_id": [str(user) for user in ids]}
    tables.write(folder / "users.parquet", named, schemas.USERS)
    numbers = given() | {"user": [int(name[1:]) for name in given()["user"]]}
    np.testing.assert_array_equal(
        read(run(folder, numbers), "after"), read(folder / "other.parquet", "after")
    )


def item_states(user: int, position: int) -> list[list[float]]:
    """One vector for each of the last two items, padded on the left: the item's place, from 1."""
    places = [float(place) for place in range(max(position - 1, 1), position + 1)]
    return [[0.0, 9.9]] * (2 - len(places)) + [[place, float(user)] for place in places]


def item_marks(position: int) -> list[bool]:
    return [position > 1, True]


def test_with_a_mask_vectors_are_those_of_items_and_the_oldest_leaves(folder: Path) -> None:
    rows = given(make=item_states)
    rows["mask"] = [item_marks(position) for position in rows["position"]]
    made = run(folder, rows)
    after, after_mask = read(made, "after"), read(made, "after_mask")[..., 0]
    before, before_mask = read(made, "before"), read(made, "before_mask")[..., 0]
    for row, position in enumerate(examples(folder)["position"].to_list()):
        if position == 1:  # one item, at the left, and before it nothing
            assert (after[row, :, 0].tolist(), after_mask[row].tolist()) == ([1, 0], [True, False])
            assert not before_mask[row].any()
        else:  # of both items the older one is all that is shown before
            assert after[row, :, 0].tolist() == [position - 1, position]
            assert before[row, :, 0].tolist() == [position - 1, 0]
            assert before_mask[row].tolist() == [True, False]
    assert not after[~after_mask].any()


def test_with_a_mask_the_history_without_its_last_item_needs_no_row_of_its_own(folder) -> None:
    """Its vectors are those of the whole history but the last, not those of another window."""
    rows = given(make=lambda user, at: [[*pair, at] for pair in item_states(user, at)])
    rows["mask"] = [item_marks(position) for position in rows["position"]]
    before, after = (read(run(folder, rows), name) for name in ("before", "after"))
    shown = before.any(-1)
    assert shown.any()
    np.testing.assert_array_equal(before[shown], after[shown])
    assert not shown[:, -1].any()
    asked = set(examples(folder).select("user_id", "position").iter_rows())
    pairs = zip(rows["user"], rows["position"], strict=True)
    held = [place for place, (user, at) in enumerate(pairs) if (int(user[1:]), at) in asked]
    few = {name: [column[place] for place in held] for name, column in rows.items()}
    assert len(held) < len(rows["user"])
    np.testing.assert_array_equal(read(run(folder, few), "before"), before)


def test_without_a_mask_all_vectors_are_shown_as_they_are(folder: Path) -> None:
    made = run(folder, given(make=item_states))
    before = read(made, "before")
    positions = examples(folder)["position"].to_numpy()
    late = positions > 2
    np.testing.assert_array_equal(
        before[late, :, 0], np.stack([positions - 2, positions - 1], 1)[late]
    )
    assert read(made, "before_mask")[positions > 1].all()


def test_half_precision_is_as_wanted_and_what_it_cannot_hold_is_told(folder: Path) -> None:
    assert read(run(folder, given(), precision="float16"), "after").dtype == np.float16
    far = given(make=lambda user, position: [1e5, 0.0, 0.0])
    with pytest.raises(UserError, match="beyond the numbers of float16"):
        run(folder, far, precision="float16")


def changed(row: int, **columns: Any) -> Table:
    rows = given()
    for name, value in columns.items():
        rows[name][row] = value
    return rows


def without(*names: str) -> Table:
    return {name: column for name, column in given().items() if name not in names}


def cut(row: int) -> Table:
    return {name: column[:row] + column[row + 1 :] for name, column in given().items()}


def added(user: str, position: int) -> Table:
    new = {"user": user, "position": position, "state": [0.0, 0.0, 0.0]}
    return {name: [*column, new[name]] for name, column in given().items()}


BAD: dict[str, tuple[Table, str]] = {
    "a column is missing": (without("position"), r"no column 'position'; it has 'user', 'state'"),
    "a state is missing": (cut(1), r"no row for 1 of \d+ .* the first \('u1', 2\); wanted one"),
    "all but one user": (
        {name: column[:2] for name, column in given().items()},
        r"no row for \d+ of \d+ \(user, position\) that are needed, the first \('u2', 1\), ",
    ),
    "a row twice": (added("u1", 2), r"rows 2 and \d+: the same user and position \(1 such"),
    "an unknown user": (added("nobody", 1), r"row \d+: column 'user' has 'nobody', no user of"),
    "a position beyond": (added("u1", 4), r"position 4 of user 'u1', who has 3 interactions"),
    "a negative position": (changed(3, position=-1), r"row 4: column 'position' is negative"),
    "no user": (changed(3, user=None), r"row 4: column 'user' holds no id"),
    "an empty user": (changed(3, user=" "), r"row 4: column 'user' holds no id"),
    "no position": (changed(3, position=None), r"row 4: column 'position' is null"),
    "no state": (changed(3, state=None), r"row 4: column 'state' is null"),
    "a null in a state": (changed(3, state=[0.0, None, 0.0]), r"row 4: column 'state' is null"),
    "NaN": (changed(3, state=[0.0, np.nan, 0.0]), r"row 4: column 'state' holds a number that is"),
    "infinity": (changed(3, state=[0.0, -np.inf, 0.0]), r"row 4: .* is not finite"),
    "too large": (changed(3, state=[0.0, 1e39, 0.0]), r"row 4: .* not finite in float32"),
    "ragged": (changed(3, state=[0.0]), r"row 4: column 'state' has another length .*, 3"),
    "an empty state": (given(make=lambda *_: []), r"row 1: column 'state' is an empty list"),
    "numbers for states": (given(make=lambda *_: 0.5), r"column 'state' is double; wanted lists"),
    "text in states": (given(make=lambda *_: ["a"]), r"column 'state' is .*; wanted lists of fl"),
    "too deep": (given(make=lambda *_: [[[0.5]]]), r"'state' is nested too deeply"),
    "users are floats": (
        given() | {"user": [float(name[1:]) for name in given()["user"]]},
        r"column 'user' is double; wanted ids: text or whole numbers",
    ),
    "positions are text": (
        given() | {"position": [str(position) for position in given()["position"]]},
        r"column 'position' is .*; wanted whole numbers from 0 on",
    ),
    "marks of another number": (
        given() | {"mask": [[True, True]] * len(given()["user"])},
        r"column 'mask' has 2 marks for 1 vectors",
    ),
    "marks that are no marks": (
        given() | {"mask": [[1]] * len(given()["user"])},
        r"column 'mask' is .*; wanted lists of booleans",
    ),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_tables_are_refused_by_file_row_and_column(folder: Path, kind: str) -> None:
    rows, told = BAD[kind]
    with pytest.raises(UserError, match=told) as caught:
        run(folder, rows)
    assert "states.parquet" in str(caught.value)
    assert not list((folder / "out").glob("*"))


def written(name: str, content: bytes) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        (folder / name).write_bytes(content)
        return folder / name

    return write


def without_rows(folder: Path) -> Path:
    pl.DataFrame(given()).clear().write_parquet(folder / "s.parquet")
    return folder / "s.parquet"


def saved(**arrays: np.ndarray) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        np.savez(folder / "s.npz", **arrays)
        return folder / "s.npz"

    return write


SHORT = {"user": np.array(["u1"]), "position": np.array([1]), "state": np.ones((1, 3))}


@pytest.mark.parametrize(
    ("write", "told"),
    [
        (lambda folder: folder / "none.parquet", "no such file; correct its path in recommenders"),
        (without_rows, "holds no row; wanted at least one"),
        (written("s.csv", b"user,position"), "a file of type '.csv'; wanted .parquet or .npz"),
        (written("s.parquet", b"no parquet"), "cannot be read as Parquet; write the file again"),
        (written("s.parquet", b""), "cannot be read as Parquet"),
        (written("s.npz", b"PK no zip"), "cannot be read as npz"),
        (written("s.npz", b""), "cannot be read as npz"),
        (saved(**{**SHORT, "user": np.array(["u1"], object)}), "cannot be read as npz .*no objec"),
        (saved(**{**SHORT, "position": np.array([1, 2])}), "arrays of different lengths"),
        (saved(**{**SHORT, "state": np.ones((1, 0))}), "'state' is an empty list"),
        (saved(**{**SHORT, "state": np.float64(1)}), "arrays of different lengths"),
        (saved(user=SHORT["user"], state=SHORT["state"]), "no column 'position'"),
    ],
)
def test_files_that_cannot_be_read_are_refused(
    folder: Path, write: Callable[[Path], Path], told: str
) -> None:
    with pytest.raises(UserError, match=told):
        call(folder, write(folder), folder / "out" / "states.parquet")
    assert not list((folder / "out").glob("*"))


def test_a_spoilt_page_of_a_parquet_file_is_told(folder: Path) -> None:
    path = folder / "states.parquet"
    pl.DataFrame(given()).write_parquet(path, compression="zstd")
    whole = bytearray(path.read_bytes())
    whole[8:200] = bytes(192)
    path.write_bytes(whole)
    with pytest.raises(UserError, match="cannot be read as Parquet"):
        call(folder, path, folder / "out" / "states.parquet")


@pytest.mark.parametrize(("make", "shape"), [(state, (1, WIDTH)), (item_states, (2, 2))])
def test_the_shape_of_states_is_known_by_their_file(folder: Path, make: Any, shape: Any) -> None:
    run(folder, given(make=make))
    assert shape_of_states(folder / "states.parquet") == shape
