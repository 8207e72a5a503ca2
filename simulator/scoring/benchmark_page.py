# SPDX-License-Identifier: AGPL-3.0-or-later
"""docs/benchmark.md as text: fixed prose around tables of figures with their spread over the seeds."""

from collections.abc import Mapping, Sequence

from simulator.rig.scenario import Scenario
from simulator.scoring.benchmark import Benchmark, Finished, Made
from simulator.scoring.benchmark_tables import (
    count_table,
    fault_list,
    kind_table,
    markdown_table,
    mistake_table,
    others_table,
    short_table,
    trouble_table,
)
from simulator.scoring.record import Mode, Sight
from simulator.scoring.words import delay_words

_EYES = {
    Sight.DETECTOR: "The cameras' pictures were rendered and the shipped detector looked at every one of them.",
    Sight.MODELLED: (
        "The cameras' pictures were drawn flat and cheap, and boxes with the shipped detector's measured errors stood"
        " in for its looks; gate, calibration, counting and smoothing are the node's own."
    ),
}
_MODES = {
    Mode.PROCESSES: "Nodes, broker, hub and database ran as processes of their own, with network cameras between.",
    Mode.IN_PROCESS: "The nodes' and the hub's own code ran in simulated time, without a broker and network between.",
}
_WHAT = """\
Facings is run against a virtual store with known truth. People come, buy, put back in the wrong place and steal; staff
refill late; deliveries and the till err; the books follow from what was written, not from what is true. The system sees
pictures and books only. Afterwards everything that it said is held against what was true.

[docs/benchmark-method.md](benchmark-method.md) defines every word of this page: when a true event begins and ends, when
an alert is right, what counts and what does not. Nothing there is taken from the system's own output.

**Not measured here.** A real shop. The store's people, packs and light are our own invention; a figure of this page
says how the system fares against them, compares versions with one another, and finds mistakes. It promises nothing
about another shelf. The detector learned mostly on renders of the same kind, so that counts are far better here than
on photographs, for which [models/README.md](../models/README.md) has the figures. A day of a small shop has few true
events: look at the counts beside every share. Misplaced and damaged goods have no alert yet: they count as true
events and in no average."""
_READ = """\
- Told: an alert of the kind stood at the place while the event held; events of 10 open minutes or more, which somebody
  could have seen. Right: the event held when the alert opened, give or take 90 s. An alert under the wrong name is a
  miss of the true kind and a false alert of its own.
- An alert that was open before its event began tells it too, though it was wrong when it opened; such events, short
  ones too, are counted beside.
- Told asks for an instant only. The time that an alert said so, of the time that such events held in open hours,
  charges whoever tells late, lets go early or flaps.
- Pooled figures add up all seeds of a scenario; the interval behind counts is Wilson's at 95 % and takes events as
  independent, which events of one run are not quite: it is too narrow rather than too wide.
- Spread is over the seeds: median (lowest to highest); where a run has no such figure, such as a delay without a told
  event, the number of runs that have one stands beside it.
- A delay is known of told events only; whoever tells late and whoever never tells must be read together.
- A walk in vain is an alert to fetch from the back room that was not right when it opened."""


def benchmark_page(made: Made, wish: Benchmark, finished: Sequence[Finished]) -> str:
    """The page, in Markdown."""
    plans = wish.plans
    by_scenario = {name: [one for one in finished if one.scenario == name] for name in plans}
    others = [one for one in finished if one.scenario in wish.also]
    seeds = f"{made.seeds[0]} to {made.seeds[-1]}" if len(made.seeds) > 1 else str(made.seeds[0])
    spent_s = sum(one.scores.elapsed_s for one in finished)
    parts = [
        "# The benchmark",
        f"Written by one command, never by hand:\n\n```\n{made.command}\n```",
        (
            f"Facings {made.version} (code {made.code}, detector {made.model_id}), {made.at:%d %B %Y}. Seeds {seeds}."
            f" {len(finished)} runs took {delay_words(spent_s)} by the clock in sum, beside other work, on"
            f" {made.machine}."
            f" {_MODES[made.mode]} {_EYES[made.sight]}"
        ),
        "## What is measured, and what is not",
        _WHAT,
        "## The stores and what happens in them",
        _scenarios(plans, by_scenario),
        "## In short",
        "Median over the seeds (lowest to highest); sums where a sum is said.",
        short_table(by_scenario),
        *(part for name, runs in by_scenario.items() for part in _one_scenario(name, plans[name], runs)),
        *(_others(made, others) if others else ()),
        "## How to read it",
        _READ,
    ]
    return "\n\n".join(parts) + "\n"


def _others(made: Made, others: Sequence[Finished]) -> list[str]:
    return [
        "## The rest of the library",
        (
            f"One run each, seed {made.seeds[0]}: too few for a figure to be trusted, enough to see what each kind of"
            " trouble does. `facings store scenarios` says what happens in each, `facings store run` plays one."
        ),
        others_table(others),
        *([faults] if (faults := fault_list(others, named=True)) else ()),
    ]


def _scenarios(plans: Mapping[str, Scenario], by_scenario: Mapping[str, Sequence[Finished]]) -> str:
    rows = []
    for name, runs in by_scenario.items():
        scores = runs[0].scores
        zones_count, open_words = str(len(scores.counts.zones)), f"{scores.open_h:.0f} h"
        rows.append([f"`{name}`", plans[name].title, f"`{plans[name].store}`", zones_count, open_words])
    return markdown_table(("scenario", "", "store", "zones", "open hours of a run"), rows, words_columns=3)


def _one_scenario(name: str, plan: Scenario, runs: Sequence[Finished]) -> list[str]:
    parts = [
        f"## `{name}`",
        f"{plan.happens.strip()}\n\nExpected: {plan.expected.strip()}",
        kind_table(runs),
        mistake_table(runs),
        trouble_table(runs),
        count_table(runs),
        fault_list(runs),
    ]
    return [part for part in parts if part]
