# SPDX-License-Identifier: AGPL-3.0-or-later
"""The timelines of the report page: shelves, cameras and nodes, availability. Each returns HTML."""

from datetime import datetime
from html import escape

from simulator.scoring.counting import said_there
from simulator.scoring.matching import JudgedAlert
from simulator.scoring.plots import Bar, TimeScale, lane, share_plot, shelf_plot
from simulator.scoring.record import ZonePlace, ZoneSample
from simulator.scoring.scores import Judgement, Scores
from simulator.scoring.spans import Span, gaps, inside
from simulator.scoring.true_events import SIGHT_KINDS, EventKind, TrueEvent
from simulator.scoring.truth import low_below_count
from simulator.scoring.words import count_words, kind_words, percent

MOST_ZONES_COUNT = 40
"""Of a large store only the zones with most to show are drawn."""
_LEGEND = (
    ("truth", "true facings"),
    ("brand", "reported facings"),
    ("unknown", "unknown"),
    ("trouble", "trouble"),
    ("closed", "closed"),
)


class Timelines:
    """Draws on one scale of time."""

    def __init__(self, judged: Judgement, scores: Scores) -> None:
        self._judged = judged
        self._scores = scores
        self._scale = TimeScale(judged.truth.run)
        self._closed = gaps(judged.truth.run, judged.truth.open_spans)

    def availability(self) -> str:
        """True and reported on-shelf availability over time."""
        figures = self._scores.availability
        if not figures.pairs_count:
            return ""
        true_points, said_points = self._shares_over_time()
        values = [value for _, value in [*true_points, *said_points] if value is not None]
        lowest = min(0.9, int(min(values) * 10) / 10)
        plot = share_plot(
            self._scale, true_points=true_points, said_points=said_points, lowest=lowest, closed=self._closed
        )
        return (
            "<h2>On-shelf availability</h2>"
            '<p class="soft">Of all SKUs, the share that shows at least one facing in its own place; open hours, every'
            f" {self._judged.record.sample_every_s:.0f} s: {figures.pairs_count} pairs of SKU and instant."
            f" True: {percent(figures.true_fraction, 1)} of all pairs. Reported:"
            f" {percent(figures.reported_fraction, 1)} of the {percent(figures.known_fraction, 1)} that the hub could"
            f" tell, of which {percent(figures.true_when_known_fraction, 1)} were truly there.</p>"
            '<div class="card"><div class="lane"><span class="ends"><span>100 %</span>'
            f"<span>{percent(lowest)}</span></span>{plot}</div>{self._scale.axis()}"
            '<div class="legend"><span><i class="swatch" style="background:var(--soft)"></i>true</span>'
            '<span><i class="swatch" style="background:var(--brand)"></i>reported, of the SKUs it could tell</span>'
            "</div></div>"
        )

    def _shares_over_time(
        self,
    ) -> tuple[list[tuple[datetime, float | None]], list[tuple[datetime, float | None]]]:
        truth = self._judged.truth
        at_instant: dict[datetime, dict[str, list[ZoneSample]]] = {}
        for zone_id, zone in truth.zone_of.items():
            for sample in truth.samples_of(zone_id):
                if inside(sample.at, truth.open_spans):
                    at_instant.setdefault(sample.at, {}).setdefault(zone.sku, []).append(sample)
        # No line is drawn through closed hours.
        true_points: list[tuple[datetime, float | None]] = [(span[0], None) for span in self._closed]
        said_points = list(true_points)
        for at, by_sku in sorted(at_instant.items()):
            said = [said_there(samples, zones_count=len(truth.zones_of[sku])) for sku, samples in by_sku.items()]
            known = [answer for answer in said if answer is not None]
            true_points.append((at, sum(truth.facings_count(sku, at) > 0 for sku in by_sku) / len(by_sku)))
            said_points.append((at, sum(known) / len(known) if known else None))
        return sorted(true_points, key=_instant), sorted(said_points, key=_instant)

    def cameras_and_nodes(self) -> str:
        """What took their sight, and the alerts that said so."""
        events = [event for event in self._judged.true_events if event.kind in SIGHT_KINDS]
        alerts = [line for line in self._judged.alerts if line.alert.kind in SIGHT_KINDS]
        places = sorted(
            {(event.place_kind, event.place_id) for event in events}
            | {(line.alert.place_kind, line.alert.place_id) for line in alerts}
        )
        rows = "".join(
            f'<div class="card"><h3>{escape(place[0])} {escape(place[1])}</h3>'
            + self._lanes(
                [event for event in events if event.place_id == place[1]],
                [line for line in alerts if line.alert.place_id == place[1]],
            )
            + "</div>"
            for place in places
        )
        return f"<h2>Cameras and nodes</h2>{rows}" if rows else ""

    def shelves(self) -> str:
        """Every zone: what stood there, what was reported, what was wrong, what was said."""
        zones = self._judged.record.zones
        ranked = sorted(zones, key=self._by_interest)[:MOST_ZONES_COUNT]
        chosen = {zone.zone_id for zone in ranked}
        more = (
            f" The {len(chosen)} of {len(zones)} zones with most mistakes are drawn."
            if len(ranked) < len(zones)
            else ""
        )
        legend = "".join(
            f'<span><i class="swatch" style="background:var(--{css})"></i>{words}</span>' for css, words in _LEGEND
        )
        kinds = "".join(f"<span>{kind_mark(kind)}</span>" for kind in EventKind if kind not in SIGHT_KINDS)
        rows = "".join(self._shelf(zone) for zone in zones if zone.zone_id in chosen)
        return (
            '<h2>Every shelf</h2><p class="soft">Above: what stood there and what was reported; the dashed line is'
            " where low begins. Below: what was truly wrong, and the alerts that said so. A hollow bar is an alert that"
            f' was not right.{more}</p><div class="legend">{legend}</div><div class="legend">{kinds}</div>{rows}'
        )

    def _by_interest(self, zone: ZonePlace) -> tuple[int, float, str]:
        wrong_count = sum(
            not line.right and line.alert.place_id in {zone.zone_id, zone.sku} for line in self._judged.alerts
        ) + sum(
            line.long and not line.told and zone.zone_id in line.event.zone_ids and line.event.sku is not None
            for line in self._judged.events
        )
        return -wrong_count, -self._scores.counts.zones[zone.zone_id].absolute_packs, zone.zone_id

    def _shelf(self, zone: ZonePlace) -> str:
        judged, error = self._judged, self._scores.counts.zones[zone.zone_id]
        events = [
            event for event in judged.true_events if event.kind not in SIGHT_KINDS and zone.zone_id in event.zone_ids
        ]
        alerts = [
            line
            for line in judged.alerts
            if line.alert.kind not in SIGHT_KINDS and line.alert.place_id in {zone.zone_id, zone.sku}
        ]
        figures = f"{percent(error.unknown_fraction)} unknown, {count_words(error.mean_error_packs)} facings off"
        return (
            f'<div class="card"><div class="row-head"><h3>{escape(zone.zone_id)}</h3><span class="soft">'
            f"{escape(zone.sku)} · minimum {zone.minimum_facings_count} of {zone.expected_facings_count}"
            f" · {figures}</span></div>{self._shelf_plot(zone)}{self._lanes(events, alerts)}</div>"
        )

    def _shelf_plot(self, zone: ZonePlace) -> str:
        truth = self._judged.truth
        said_steps = [
            (sample.at, sample.facings_count if sample.state == "seen" else None)
            for sample in truth.samples_of(zone.zone_id)
        ]
        true_steps = [(row.at, float(row.facings_count)) for row in truth.zone_rows(zone.zone_id)]
        said = [value for _, value in said_steps if value is not None]
        highest = max([float(zone.expected_facings_count), *(value for _, value in true_steps), *said])
        concerned = {zone.camera_id, zone.node_id, "hub", "broker", "*"}
        troubles = [
            ((trouble.since_at, trouble.until_at), f"{trouble.kind} of {trouble.target}")
            for trouble in self._judged.record.troubles
            if trouble.target in concerned or zone.camera_id in trouble.blinds_camera_ids
        ]
        plot = shelf_plot(
            self._scale,
            true_steps=true_steps,
            said_steps=said_steps,
            highest=highest,
            low_below=low_below_count(zone),
            closed=self._closed,
            troubles=troubles,
        )
        return f'<div class="lane"><span class="ends"><span>{highest:g}</span><span>0</span></span>{plot}</div>'

    def _lanes(self, events: list[TrueEvent], alerts: list[JudgedAlert]) -> str:
        true_bars = [Bar(event.span, event.kind, f"{kind_words(event.kind)}: {event.words}") for event in events]
        said_bars = [self._said_bar(line) for line in alerts]
        return (
            f'<div class="lane"><span>true</span>{lane(self._scale, true_bars)}</div>'
            f'<div class="lane"><span>said</span>{lane(self._scale, said_bars)}</div>{self._scale.axis()}'
        )

    def _said_bar(self, line: JudgedAlert) -> Bar:
        alert = line.alert
        span: Span = (alert.opened_at, alert.closed_at or self._judged.truth.run[1])
        return Bar(span, alert.kind, f"{kind_words(alert.kind)}: {alert.headline} ({line.why})", wrong=not line.right)


def _instant(point: tuple[datetime, float | None]) -> datetime:
    return point[0]


def kind_mark(kind: str) -> str:
    """A kind with its colour."""
    return f'<span class="kind" style="--kind:var(--{escape(kind)})">{escape(kind_words(kind))}</span>'
