"""What people say a picture shows, kept with the picture and beside what a network had suggested."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, func, select

from studio.store import AnnotationRow, MediaRow, Store

KINDS = ("controllers",)
"""What is labelled: ``controllers`` is {"controllers": {name: 0..1}, "turn_degrees": [yaw, pitch, roll]}; its suggestion
also names the character that was driven."""


@dataclass(frozen=True)
class Annotation:
    """One person's word on one picture."""

    id: str
    profile: str
    medium: str
    kind: str
    label: dict[str, Any]
    suggestion: dict[str, Any]
    """What was shown before the person corrected it; empty where nothing was."""
    suggested_by: str
    """The checkpoint that suggested it, as ``subject/name version``."""
    created: float


class Annotations:
    """The labels of all profiles; every question names the profile that asks. A label goes when its picture goes."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def keep(
        self, profile: str, medium: str, kind: str, label: Mapping[str, Any],
        suggestion: Mapping[str, Any] | None = None, suggested_by: str = "",
    ) -> Annotation:  # fmt: skip
        """A new label for a picture of this profile."""
        if kind not in KINDS:
            raise ValueError(f"There is no kind of label {kind!r}; there are {', '.join(KINDS)}.")
        row = AnnotationRow(
            id=secrets.token_hex(12), profile=profile, medium=medium, kind=kind, label=dict(label),
            suggestion=dict(suggestion or {}), suggested_by=suggested_by,
        )  # fmt: skip
        with self._store.change() as session:
            owned = session.get(MediaRow, medium)
            if owned is None or owned.profile != profile:
                raise LookupError("There is no such picture of yours to label.")
            session.add(row)
            session.flush()
            return _annotation(row)

    def of(self, profile: str, kind: str | None = None, medium: str | None = None) -> list[Annotation]:
        """The labels of a profile, the newest first."""
        wanted = select(AnnotationRow).where(AnnotationRow.profile == profile).order_by(AnnotationRow.created.desc())
        if kind is not None:
            wanted = wanted.where(AnnotationRow.kind == kind)
        if medium is not None:
            wanted = wanted.where(AnnotationRow.medium == medium)
        with self._store.change() as session:
            return [_annotation(row) for row in session.scalars(wanted)]

    def count(self, profile: str) -> dict[str, int]:
        """How many labels each picture of a profile has; pictures without one are left out."""
        wanted = select(AnnotationRow.medium, func.count()).where(AnnotationRow.profile == profile)
        with self._store.change() as session:
            return {row[0]: row[1] for row in session.execute(wanted.group_by(AnnotationRow.medium))}

    def delete(self, profile: str, annotation: str) -> None:
        """Take a label back; the picture stays."""
        with self._store.change() as session:
            found = session.execute(
                delete(AnnotationRow).where(AnnotationRow.id == annotation, AnnotationRow.profile == profile)
            )
            if not found.rowcount:  # pyright: ignore[reportAttributeAccessIssue] - a delete's result counts its rows
                raise LookupError("There is no such label of yours.")


def _annotation(row: AnnotationRow) -> Annotation:
    return Annotation(
        row.id, row.profile, row.medium, row.kind, dict(row.label), dict(row.suggestion), row.suggested_by, row.created
    )
