"""Run page: a run becomes one HTML page, plots and all, that needs nothing but a browser."""

import math
from html import escape
from pathlib import Path

from host_tools.files import whole_file
from host_tools.plots import CHARGE_PANELS, DRIVE_PANELS, Plots, duration
from service.value_verbs import PLAIN
from sim.charge_scenario import ChargeScenario
from sim.scenario import Check, Result, Scenario
from sim.vehicle import load_vehicle, vehicle_names
from vcu.faults import CLASS_NAMES, row_of
from vcu.params import TABLE

_STYLE = Path(__file__).with_name("run_page.css")
_SCRIPT = Path(__file__).with_name("run_page.js")


def _range(check: Check) -> str:
    low, high = check.expectation.low, check.expectation.high
    if math.isinf(low):
        return f"at most {high:g}"
    if math.isinf(high):
        return f"at least {low:g}"
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"


def _is_charge(result: Result) -> bool:
    """Whether it is about a charge: at a second a step, or the first minutes in the whole loop."""
    return isinstance(result.scenario, ChargeScenario) or result.scenario.piece_of_s > 0.0


def _driven(result: Result) -> dict[str, str]:
    values = result.values
    return {
        "distance": f"{values['distance_km']:.2f} km",
        "top speed": f"{values['top_kmh']:.1f} km/h, cap {result.vehicle.values['speed_cap_kmh']}",
        "energy": f"{values['wh_per_km']:.0f} Wh/km",
        "charge left": f"{values['soc_pct']:.1f} %",
    }


def _charged(result: Result) -> dict[str, str]:
    values, scenario = result.values, result.scenario
    if isinstance(scenario, Scenario):
        return {
            "what was run": f"the first {duration(scenario.seconds)} of"
            f" {duration(scenario.piece_of_s)}, in the whole 10 ms loop",
            "charge put in": f"{values['charge_ah']:.2f} Ah",
            "charge": f"{100.0 * scenario.soc:.0f} to {values['soc_pct']:.1f} %",
        }
    return {
        "what was run": "the charge alone, at a second a step",
        "charge": f"{100.0 * scenario.soc:.0f} to {values['soc_pct']:.1f} %",
        "full": f"after {values['hours']:.1f} h" if values["full"] else "never",
        "charge put in": f"{values['charge_ah']:.1f} Ah, {values['ah_factor']:.3f} of the missing",
        "from the socket": f"{values['mains_kwh']:.1f} kWh",
        "warmest": f"{values['top_c']:.1f} °C",
    }


def _header(result: Result) -> str:
    vehicle = result.vehicle
    preset = load_vehicle(vehicle.name).values if vehicle.name in vehicle_names() else {}
    changed = [f"{n} = {v}" for n, v in vehicle.values.items() if preset.get(n, v) != v]
    facts = {
        "vehicle": vehicle.name + "".join(f", {change}" for change in changed),
        "runtime": result.runtime,
        "seed": str(result.seed),
        "duration": duration(result.scenario.seconds),
    }
    facts |= _charged(result) if _is_charge(result) else _driven(result)
    if result.injected:
        facts["broken on purpose"] = ", ".join(result.injected)
    outcome = "passed" if result.passed else "FAILED"
    return (
        f'<header><h1>{escape(result.scenario.name)} <span class="{outcome}">{outcome}</span></h1>'
        f"<p>{escape(result.scenario.summary)}</p><dl>"
        + "".join(f"<div><dt>{k}</dt><dd>{escape(v)}</dd></div>" for k, v in facts.items())
        + "</dl></header>"
    )


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    cells = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    lines = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f"<table><thead><tr>{cells}</tr></thead><tbody>{lines}</tbody></table>"


def _expectations(result: Result) -> str:
    rows = "".join(
        f'<tr class="{"passed" if check.passed else "FAILED"}">'
        f"<td>{escape(check.expectation.metric)}</td><td>{check.value:.4g}</td>"
        f"<td>{_range(check)}</td><td>{escape(check.expectation.unit)}</td>"
        f"<td>{'ok' if check.passed else 'FAILED'}</td></tr>"
        for check in result.checks
    )
    return (
        "<table><thead><tr><th>expectation</th><th>value</th><th>range</th><th>unit</th>"
        f"<th></th></tr></thead><tbody>{rows}</tbody></table>"
    )


def _stored(result: Result) -> str:
    """Return the table of what the controller remembers; nothing when it remembers nothing."""
    if not result.stored:
        return ""
    rows = [
        (name, dtc, CLASS_NAMES[fault_class], str(blink_code))
        for blink_code, name, dtc, fault_class, *_ in map(row_of, result.stored)
    ]
    return _table(("stored fault", "DTC", "class", "blink code"), rows)


def _details(result: Result) -> str:
    figures = [(name, f"{value:.5g}") for name, value in result.values.items()]
    parameters = [
        (name, str(result.vehicle.values[name]), "" if unit in PLAIN else unit)
        for _, name, unit, _, _, _ in TABLE
    ]
    return (
        "<details><summary>all figures</summary>"
        + _table(("figure", "value"), figures)
        + "</details><details><summary>all parameters</summary>"
        + _table(("parameter", "value", "unit"), parameters)
        + "</details>"
    )


def page(result: Result) -> str:
    """Return the whole page as text."""
    body = _header(result) + _expectations(result) + _stored(result)
    if result.rows:
        plots = Plots(result)
        panels = CHARGE_PANELS if _is_charge(result) else DRIVE_PANELS
        body += '<section id="plots">' + "".join(plots.panel(panel) for panel in panels)
        body += plots.axis() + "</section>" + _details(result)
        body += f'<script type="application/json" id="data">{plots.data()}</script>'
        body += f"<script>{_SCRIPT.read_text(encoding='utf-8')}</script>"
    else:
        body += "<p>The run was too short for a row of the trace.</p>" + _details(result)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{escape(result.scenario.name)}: {'passed' if result.passed else 'FAILED'}</title>"
        f"<style>{_STYLE.read_text(encoding='utf-8')}</style></head><body><main>{body}</main></body></html>\n"
    )


def write_page(result: Result, path: Path) -> None:
    """Write the page; whatever fails, path is as it was. OSError when it cannot be written."""
    text = page(result)
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
