# SPDX-License-Identifier: AGPL-3.0-or-later
"""What a visitor may ask of the store, and how the answer finds its way back to the visitor."""

import queue
import threading
from dataclasses import dataclass, field
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from simulator.rig.scenario import Act

ANSWER_PATIENCE_S = 10.0
FASTEST = 240.0


class Wish(BaseModel):
    """One press of a button. `target` is a zone, a SKU, a camera, a node or `hub`, as the act wants it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    act: Act | Literal["stand", "speed"]
    target: Annotated[str, Field(max_length=80)] = ""
    units: Annotated[int, Field(ge=1, le=500)] = 1
    booked_units: Annotated[int, Field(ge=0, le=500)] | None = None
    sku: Annotated[str, Field(max_length=80)] | None = None
    degrees: Annotated[float, Field(gt=0, le=20)] = 5.0
    speed: Annotated[float, Field(ge=0, le=FASTEST)] | None = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if (self.act == "speed") != (self.speed is not None):
            raise ValueError("'speed' goes with the act 'speed', and only with it")
        if self.act == Act.MISPLACE and self.sku is None:
            raise ValueError("'misplace' needs the sku that ends up in the zone")
        return self


@dataclass(slots=True)
class _Asked:
    wish: Wish
    done: threading.Event = field(default_factory=threading.Event)
    answer: str = ""
    refused: bool = False


class WishRefused(Exception):  # noqa: N818 - an answer, not a failure
    """The store cannot do that; the message says why."""


class Wishes:
    """Carries wishes from the page's threads to the one thread that owns the store."""

    def __init__(self) -> None:
        self._waiting: queue.Queue[_Asked] = queue.Queue(maxsize=100)

    def ask(self, wish: Wish) -> str:
        """Hand over a wish and wait for what came of it, in words. Raises WishRefused."""
        asked = _Asked(wish)
        try:
            self._waiting.put_nowait(asked)
        except queue.Full as error:
            raise WishRefused("the store is still busy with what was asked before") from error
        if not asked.done.wait(ANSWER_PATIENCE_S):
            raise WishRefused("the store is busy; it will come to it")
        if asked.refused:
            raise WishRefused(asked.answer)
        return asked.answer

    def next(self) -> "_Asked | None":
        """The oldest wish that nobody answered yet; for the store's thread."""
        try:
            return self._waiting.get_nowait()
        except queue.Empty:
            return None


def answer(asked: "_Asked", words: str, *, refused: bool = False) -> None:
    """Tell whoever asked."""
    asked.answer, asked.refused = words, refused
    asked.done.set()
