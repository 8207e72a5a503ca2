# SPDX-License-Identifier: AGPL-3.0-or-later
"""All figures of one run, from its record. What each means: docs/benchmark-method.md."""

from collections import Counter
from datetime import datetime

from pydantic import BaseModel, ConfigDict, computed_field

from simulator.scoring.counting import Availability, Counts, availability, count_errors
from simulator.scoring.matching import JudgedAlert, JudgedEvent, judge_alerts, judge_events
from simulator.scoring.record import RunRecord, Transport
from simulator.scoring.shares import Share, median, quantile
from simulator.scoring.spans import length_s, merged, overlap_s
from simulator.scoring.true_events import NOT_ALERTED_YET, SIGHT_KINDS, EventKind, TrueEvent, true_events
from simulator.scoring.truth import Truth

OPEN_DAY_H = 12.0
"""Hours of a shop-open day, wherever something is told per open day."""
NOTHING = "nothing"
SILENCE = "silence"
_FROZEN = ConfigDict(frozen=True)


class KindScore(BaseModel):
    """One kind of alert against its true events."""

    model_config = _FROZEN

    kind: EventKind
    alerted: bool
    """False: the hub has no such alert yet."""
    events_count: int
    """True events, whatever their length and whoever could see them."""
    unseen_count: int
    """Of these, events that nobody could see; they are in no figure below."""
    recall: Share
    """Told events of those long enough."""
    recall_all: Share
    """The same over short ones too."""
    said_time: Share
    """Seconds in which an alert stood, of those that the events of `recall` lasted; telling late or letting go early
    both cost."""
    cut_missed_count: int
    """Missed ones, counted as such, that still held when the run ended."""
    precision: Share
    """Alerts that were right when they opened."""
    precision_sometime: Share
    """Alerts that were right at some instant while they were open."""
    delays_s: tuple[float, ...]
    """From an event to the first alert that opened for it, in order."""
    standing_count: int
    """Told events whose alert was open before they began; they have no delay."""
    alerts_per_event: Share
    """Alerts that told events, of the events told: 1 where nothing flaps."""

    @computed_field  # type: ignore[prop-decorator]
    @property
    def delay_median_s(self) -> float | None:
        """Half of the told events were told this soon."""
        return median(self.delays_s)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def delay_p95_s(self) -> float | None:
        """19 of 20 told events were told this soon."""
        return quantile(self.delays_s, 0.95)

    def __add__(self, other: "KindScore") -> "KindScore":
        return KindScore(
            kind=self.kind,
            alerted=self.alerted,
            events_count=self.events_count + other.events_count,
            unseen_count=self.unseen_count + other.unseen_count,
            recall=self.recall + other.recall,
            recall_all=self.recall_all + other.recall_all,
            said_time=self.said_time + other.said_time,
            cut_missed_count=self.cut_missed_count + other.cut_missed_count,
            precision=self.precision + other.precision,
            precision_sometime=self.precision_sometime + other.precision_sometime,
            delays_s=tuple(sorted((*self.delays_s, *other.delays_s))),
            standing_count=self.standing_count + other.standing_count,
            alerts_per_event=self.alerts_per_event + other.alerts_per_event,
        )


class Mistaken(BaseModel):
    """How often one thing stood where another was true."""

    model_config = _FROZEN

    said: str
    """Kind of the alert, or `silence`."""
    was: str
    """Kind of the true event, or `nothing`."""
    count: int


class TroubleScore(BaseModel):
    """What one kind of trouble did to the alerts about goods."""

    model_config = _FROZEN

    kind: str
    troubles_count: int
    lasted_s: float
    wrong_alerts_count: int
    """Alerts about goods that opened during it, or within five minutes after, where it bears, and were not right."""
    wrong_with_nothing_wrong_count: int
    """Of these, alerts at whose place nothing else was wrong either."""


class Scores(BaseModel):
    """One run."""

    model_config = _FROZEN

    scenario: str
    store_id: str
    seed: int
    mode: str
    sight: str
    speed: float
    opened_at: datetime
    ended_at: datetime
    open_h: float
    elapsed_s: float
    kinds: tuple[KindScore, ...]
    false_alerts: tuple[Mistaken, ...]
    """What was true where an alert was not."""
    missed_events: tuple[Mistaken, ...]
    """What was said where an event, long enough and seen, was not told."""
    counts: Counts
    availability: Availability
    troubles: tuple[TroubleScore, ...]
    wrong_while_blind_count: int
    """Alerts about goods, not right, of which a camera or its node was down, or hardly back, when they opened: must
    be zero."""
    opened_while_blind_count: int
    """Alerts about goods, right or not, that opened while no camera of their place could be known to see."""
    wasted_walks_count: int
    """`restock_from_back` alerts that were not right when they opened."""
    transport: Transport
    notes: tuple[str, ...]

    @computed_field  # type: ignore[prop-decorator]
    @property
    def wasted_walks_per_open_day(self) -> float | None:
        """Per `OPEN_DAY_H` of open hours."""
        return self.wasted_walks_count / self.open_h * OPEN_DAY_H if self.open_h else None

    def of(self, kind: EventKind) -> KindScore:
        """The line of one kind."""
        return next(line for line in self.kinds if line.kind is kind)


class Judgement:
    """A record with every event and alert judged: what the scores sum up and the report page shows one by one."""

    def __init__(self, record: RunRecord) -> None:
        self.record = record
        self.truth = Truth(record)
        self.true_events: list[TrueEvent] = true_events(record, self.truth)
        self.events: list[JudgedEvent] = judge_events(self.truth, self.true_events)
        self.alerts: list[JudgedAlert] = judge_alerts(self.truth, self.true_events)


def score(record: RunRecord, judgement: Judgement | None = None) -> Scores:
    """All figures of a run. `judgement` saves judging it anew."""
    judged = judgement or Judgement(record)
    goods = [alert for alert in judged.alerts if alert.alert.kind not in SIGHT_KINDS]
    wrong = [alert for alert in goods if not alert.right]
    walks = [alert for alert in wrong if alert.alert.kind == EventKind.RESTOCK_FROM_BACK]
    return Scores(
        scenario=record.scenario,
        store_id=record.store_id,
        seed=record.seed,
        mode=record.mode,
        sight=record.sight,
        speed=record.speed,
        opened_at=record.opened_at,
        ended_at=record.ended_at,
        open_h=overlap_s(judged.truth.run, judged.truth.open_spans) / 3600.0,
        elapsed_s=record.elapsed_s,
        kinds=tuple(_kind_score(kind, judged) for kind in EventKind),
        false_alerts=_false_alerts(judged),
        missed_events=_missed_events(judged),
        counts=count_errors(judged.truth),
        availability=availability(judged.truth),
        troubles=_trouble_scores(judged, wrong),
        wrong_while_blind_count=sum(alert.sight_down for alert in wrong),
        opened_while_blind_count=sum(alert.blind for alert in goods),
        wasted_walks_count=len(walks),
        transport=record.transport,
        notes=tuple(record.notes),
    )


def _kind_score(kind: EventKind, judged: Judgement) -> KindScore:
    events = [event for event in judged.events if event.event.kind is kind]
    seen = [event for event in events if not event.unseen]
    long = [event for event in seen if event.long]
    told = [event for event in seen if event.told]
    alerts = [alert for alert in judged.alerts if alert.alert.kind == kind]
    return KindScore(
        kind=kind,
        alerted=kind not in NOT_ALERTED_YET,
        events_count=len(events),
        unseen_count=len(events) - len(seen),
        recall=Share(hits=sum(event.told for event in long), of=len(long)),
        recall_all=Share(hits=len(told), of=len(seen)),
        said_time=Share(hits=sum(event.said_s for event in long), of=sum(event.lasted_s for event in long)),
        cut_missed_count=sum(event.event.cut and not event.told for event in long),
        precision=Share(hits=sum(alert.right for alert in alerts), of=len(alerts)),
        precision_sometime=Share(hits=sum(alert.right_sometime for alert in alerts), of=len(alerts)),
        delays_s=tuple(sorted(event.delay_s for event in told if event.delay_s is not None)),
        standing_count=sum(event.delay_s is None for event in told),
        alerts_per_event=Share(hits=sum(len(event.alerts) for event in told), of=len(told)),
    )


def _false_alerts(judged: Judgement) -> tuple[Mistaken, ...]:
    tally: Counter[tuple[str, str]] = Counter()
    for alert in judged.alerts:
        if not alert.right:
            stated = [kind.value for kind in alert.truth_instead if kind not in NOT_ALERTED_YET]
            tally.update((alert.alert.kind, was) for was in stated or [NOTHING])
    return tuple(Mistaken(said=said, was=was, count=count) for (said, was), count in sorted(tally.items()))


def _missed_events(judged: Judgement) -> tuple[Mistaken, ...]:
    tally: Counter[tuple[str, str]] = Counter()
    for event in judged.events:
        if event.long and not event.unseen and not event.told and event.event.kind not in NOT_ALERTED_YET:
            tally.update((said, event.event.kind.value) for said in event.instead or (SILENCE,))
    return tuple(Mistaken(said=said, was=was, count=count) for (said, was), count in sorted(tally.items()))


def _trouble_scores(judged: Judgement, wrong: list[JudgedAlert]) -> tuple[TroubleScore, ...]:
    kinds = sorted({trouble.kind for trouble in judged.record.troubles})
    lines = []
    for kind in kinds:
        troubles = [trouble for trouble in judged.record.troubles if trouble.kind == kind]
        struck = [alert for alert in wrong if any(trouble.kind == kind for trouble in alert.troubles)]
        spans = merged((trouble.since_at, min(trouble.until_at, judged.record.ended_at)) for trouble in troubles)
        lines.append(
            TroubleScore(
                kind=kind,
                troubles_count=len(troubles),
                lasted_s=sum(length_s(span) for span in spans),
                wrong_alerts_count=len(struck),
                wrong_with_nothing_wrong_count=sum(not alert.truth_instead for alert in struck),
            )
        )
    return tuple(lines)
