"""What the rows of an outside file are about: users, items and positions of a data set."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recinterpreter import schemas, tables
from recinterpreter.errors import UserError
from recinterpreter.outside.files import Part

_SHOWN = 3  # of what is missing


class Users:
    """The users of a data set, and how many interactions each of them has.

    A key is one number for a user and a position: how many of the user's interactions, in time
    order, have been read there. Keys ascend with users, then positions.
    """

    def __init__(self, users: Path, interactions: Path) -> None:
        table = tables.read(users, schemas.USERS)
        self._source_ids = table["source_id"].combine_chunks()
        self._user_ids = table["user_id"].to_numpy()
        events = tables.read(interactions, schemas.INTERACTIONS, ["user_id"])["user_id"].to_numpy()
        self._counts = np.bincount(events, minlength=int(self._user_ids.max(initial=0)) + 1)
        self._stride = int(self._counts.max(initial=0)) + 1

    def keys(self, user_ids: np.ndarray, positions: np.ndarray) -> np.ndarray:
        """Return the keys (N,) of pairs of the data set."""
        found: np.ndarray = user_ids.astype(np.int64) * self._stride + positions
        return found

    def keys_of(self, part: Part) -> np.ndarray:
        """Return the keys (N,) of a part's rows; UserError for a user or position there is not."""
        ids, positions = part.ids("user"), part.whole("position")
        places = _places(part, "user", ids, np.arange(len(ids)), self._source_ids)
        user_ids = self._user_ids[places]
        beyond = positions > self._counts[user_ids]
        if beyond.any():
            row = int(beyond.argmax())
            raise UserError(
                f"{part.path}, row {part.first + row}: position {positions[row]} of user "
                f"{ids[row].as_py()!r}, who has {self._counts[user_ids[row]]} interactions; wanted "
                "how many of them the state has read"
            )
        return self.keys(user_ids, positions)

    def insist_on(self, path: Path, wanted: np.ndarray, found: np.ndarray) -> None:
        """Raise UserError where keys (N,), ascending, are not all found (N,) in a file."""
        missing = wanted[~found]
        if len(missing):
            source_ids = dict(zip(self._user_ids.tolist(), self._source_ids, strict=True))
            pairs = (
                (source_ids[key // self._stride], key % self._stride) for key in missing[:_SHOWN]
            )
            first = ", ".join(f"({user.as_py()!r}, {position})" for user, position in pairs)
            raise UserError(
                f"{path}: no row for {len(missing)} of {len(wanted)} (user, position) that are "
                f"needed, the first {first}; wanted one for each: position counts the "
                "interactions read, in time order"
            )


def item_ids(
    part: Part, column: str, ids: pa.Array, rows: np.ndarray, source_ids: pa.Array
) -> np.ndarray:
    """Return the item ids (N,) of what a column holds in some rows of a part.

    source_ids: of all items, in the order of their ids. Raises UserError for what is no item.
    """
    return _places(part, column, ids, rows, source_ids).astype(np.int32) + 1


def _places(
    part: Part, column: str, ids: pa.Array, rows: np.ndarray, source_ids: pa.Array
) -> np.ndarray:
    """Return where ids (N,) stand among those of the data set."""
    places: Any = pc.index_in(ids, value_set=source_ids)
    unknown = places.is_null().to_numpy(zero_copy_only=False)
    if unknown.any():
        place = int(unknown.argmax())
        what = "user" if column == "user" else "item"
        raise UserError(
            f"{part.path}, row {part.first + int(rows[place])}: column {column!r} has "
            f"{ids[place].as_py()!r}, no {what} of this data set; wanted ids as they stand in its "
            f"source ({what}s.parquet, source_id); leave out what the data set left out"
        )
    found: np.ndarray = places.to_numpy(zero_copy_only=False)
    return found
