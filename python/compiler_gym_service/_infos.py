"""Infos of many sub-environments, as Gymnasium has them: for each key an array, and one of which entries mean something."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np


def columns(rows: Iterable[tuple[int, Mapping[str, Any]]], size: int) -> dict[str, Any]:
    """From the infos of some sub-environments, by index."""
    infos: dict[str, Any] = {}
    for index, row in rows:
        for key, value in row.items():
            if key not in infos:
                infos[key] = np.zeros(size, np.bool_) if isinstance(value, bool) else np.full(size, None, object)
                infos["_" + key] = np.zeros(size, np.bool_)
            infos[key][index] = value
            infos["_" + key][index] = True
    if "final_info" in infos:
        final = enumerate(infos["final_info"])
        infos["final_info"] = columns(((index, row) for index, row in final if row is not None), size)
    return infos


def rows(infos: Mapping[str, Any], size: int) -> list[dict[str, Any]]:
    """Of each sub-environment those that mean something: the inverse of `columns`."""
    found: list[dict[str, Any]] = [{} for _ in range(size)]
    for key, values in infos.items():
        if key.startswith("_"):
            continue
        each = rows(values, size) if isinstance(values, dict) else values
        for index in np.flatnonzero(infos["_" + key]):
            value = each[index]
            found[index][key] = value.item() if isinstance(value, np.generic) else value
    return found
