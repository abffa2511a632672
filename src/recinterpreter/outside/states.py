"""States that an outside recommender gave: looked up by user and position, before and after.

Shapes: N examples, L positions and D width of a state.
"""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np

from recinterpreter import schemas, tables
from recinterpreter.errors import UserError
from recinterpreter.interpretation.scratch import Scratch
from recinterpreter.outside.dataset import Users
from recinterpreter.outside.files import Part, parts

logger = logging.getLogger("recinterpreter")

Pair = tuple[np.ndarray, np.ndarray]


class StateFile:
    """The rows of a file that are wanted, found by their keys; numbers lie in a scratch file.

    wanted: keys, ascending; vectors: whether each row has a vector beside its state. With a mask
    each of the L vectors of a state is that after one of the user's items, oldest first, and they
    stand at the left here wherever they stood; without one they are whatever the recommender means
    by them.
    """

    def __init__(
        self, path: Path, users: Users, wanted: np.ndarray, scratch: Path, vectors: bool = False
    ) -> None:
        self.path = path
        self._users = users
        self._states, self._marks, self._vectors = (Scratch(scratch) for _ in range(3))
        self._shapes: dict[str, tuple[int, ...]] = {}
        self._masked = False
        keys, kept = [], []
        named = ("user", "position", "state", *(("vector",) if vectors else ()))
        for part in parts(path, named):
            own = users.keys_of(part)
            rows = np.isin(own, wanted)
            self._keep(part, rows, vectors)
            keys.append(own)
            kept.append(own[rows])
        refuse_twice(path, np.concatenate(keys))
        held = np.concatenate(kept)
        order = np.argsort(held, kind="stable")
        self._keys = held[order]
        for column in (self._states, self._marks, self._vectors):
            column.reorder(order)

    @property
    def shape(self) -> tuple[int, int]:
        """(L, D) of a state."""
        positions, width = self._shapes["state"]
        return positions, width

    @property
    def by_item(self) -> bool:
        """Whether a state holds a vector for each item of the history."""
        return self._masked and self.shape[0] > 1

    @property
    def width(self) -> int:
        """Width of the vectors beside the states."""
        return self._shapes["vector"][0]

    def has(self, keys: np.ndarray) -> np.ndarray:
        """Say which of some keys have a row: (N,) booleans."""
        return np.isin(keys, self._keys)

    def take(self, keys: np.ndarray) -> Pair:
        """Return states (N, L, D) and masks (N, L); nothing is shown where there is no row."""
        values = np.zeros((len(keys), *self.shape), np.float32)
        mask = np.zeros((len(keys), self.shape[0]), bool)
        found = self.has(keys)
        if found.any():
            rows = np.searchsorted(self._keys, keys[found])
            values[found], mask[found] = self._states[rows], self._marks[rows]
        return values, mask

    def vectors(self, keys: np.ndarray) -> np.ndarray:
        """Return the vectors (N, D) beside the states, of keys that all have a row."""
        return self._vectors[np.searchsorted(self._keys, keys)]

    def _keep(self, part: Part, rows: np.ndarray, vectors: bool) -> None:
        """Check a part, and keep some of its rows."""
        values = part.vectors("state")
        if values.ndim == 2:
            values = values[:, None]
        elif values.ndim != 3:
            raise UserError(
                f"{self.path}: column 'state' is nested too deeply; wanted (L, D) at most"
            )
        self._insist_on_shape(part, "state", values)
        mask = np.ones(values.shape[:2], bool)
        if "mask" in part.columns:
            self._masked, mask = True, part.marks("mask")
            if mask.shape != values.shape[:2]:
                raise UserError(
                    f"{self.path}: column 'mask' has {mask.size // len(mask)} marks for "
                    f"{len(values[0])} vectors of a state; wanted one for each"
                )
        values, mask = _to_the_left(values, mask)
        if rows.any():
            self._states.append(values[rows])
            self._marks.append(mask[rows])
        if vectors:
            found = part.vectors("vector")
            self._insist_on_shape(part, "vector", found)
            if rows.any():
                self._vectors.append(found[rows])

    def _insist_on_shape(self, part: Part, name: str, values: np.ndarray) -> None:
        shape = self._shapes.setdefault(name, values.shape[1:])
        if values.shape[1:] != shape:
            raise UserError(
                f"{self.path}, row {part.first}: column {name!r} has {values.shape[1:]} numbers, "
                f"the rows before it {shape}; wanted one shape"
            )


def states_of_examples(given: Path, known: Users, examples: Path, scratch: Path) -> StateFile:
    """Read the states that EXAMPLES need, and insist on them; those of empty histories may miss."""
    table = tables.read(examples, schemas.EXAMPLES, ["user_id", "position"])
    user_ids, positions = table["user_id"].to_numpy(), table["position"].to_numpy()
    whole = np.unique(known.keys(user_ids, positions))
    opening, later = (
        np.unique(known.keys(user_ids, positions - 1)[rows])
        for rows in (positions == 1, positions > 1)
    )
    held = StateFile(given, known, np.unique(np.concatenate([whole, later, opening])), scratch)
    needed = whole if held.by_item else np.union1d(whole, later)
    known.insist_on(given, needed, held.has(needed))
    n_opening = int(held.has(opening).sum())
    logger.info(
        "%d states of shape %s; of %d empty histories %d have one",
        *(len(needed) + n_opening, held.shape, len(opening), n_opening),
    )
    return held


def shape_of_states(path: Path) -> tuple[int, int]:
    """Return (L, D) of the states in a file, by its first rows; UserError where it holds none."""
    found = next(parts(path, ("state",))).vectors("state").shape[1:]
    return (found[0] if len(found) > 1 else 1), found[-1]


def before_and_after(before: Pair, after: Pair, by_item: bool) -> tuple[Pair, Pair]:
    """Return states (N, L, D) and masks (N, L) of histories without and with their last item.

    Where each vector is that after an item, and so knows of none behind it, the history without
    its last item has the same vectors but the last, as in the states that are encoded here. Those
    that the recommender gave one position earlier saw another window: there the item stood at
    another place.
    """
    if not by_item:
        return before, after
    values, mask = after
    shown = np.zeros_like(mask)
    shown[:, :-1] = mask[:, 1:]  # they stand at the left
    return (values * shown[..., None], shown), after


def rounded(values: np.ndarray, precision: str, path: Path) -> np.ndarray:
    """Return states in the precision of the table; UserError where one is not finite in it."""
    with np.errstate(over="ignore"):  # told below
        found: np.ndarray = values.astype(precision)
    if not np.isfinite(found).all():
        raise UserError(
            f"{path}: a state is beyond the numbers of {precision}; set states.precision: float32"
        )
    return found


def _to_the_left(values: np.ndarray, mask: np.ndarray) -> Pair:
    """Move what a mask marks to the left, in its order, and clear the rest."""
    places = np.argsort(~mask, axis=1, kind="stable")
    mask = np.take_along_axis(mask, places, axis=1)
    return np.take_along_axis(values, places[..., None], axis=1) * mask[..., None], mask


def refuse_twice(path: Path, keys: np.ndarray) -> None:
    """Raise UserError for a key that two rows have; keys: in the order of the file."""
    order = np.argsort(keys, kind="stable")
    twice = np.flatnonzero(np.diff(keys[order]) == 0)
    if len(twice):
        first, second = sorted(order[twice[0] : twice[0] + 2].tolist())
        raise UserError(
            f"{path}, rows {first + 1} and {second + 1}: the same user and position "
            f"({len(twice)} such rows); wanted one row for each"
        )
