/** Look of the page: one column on a phone, light or dark as the reader's system is. Figures are recoloured by their roles in Vega's SVG. */
export const STYLE = `
:root { color-scheme: light dark; --ink: #1c2024; --muted: #60646c; --line: #e2e4e8; --soft: #f6f7f9; --page: #ffffff; --card: #ffffff; --accent: #0b6bb0; --good: #0b7a55; --bad: #b3400e; --mark: #fff1c2; --warn: #fff6e5; --warnline: #e0a030; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8eaed; --muted: #a0a6b0; --line: #33383f; --soft: #1d2126; --page: #14171a; --card: #1a1e22; --accent: #6cb8f0; --good: #54c79a; --bad: #f0905c; --mark: #5a4a12; --warn: #2e2410; --warnline: #a5752a; } }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0; color: var(--ink); background: var(--page); font: 15px/1.6 system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif; }
main { max-width: 1120px; margin: 0 auto; padding: 40px 28px 96px; }
header { border-bottom: 1px solid var(--line); padding-bottom: 20px; margin-bottom: 20px; }
h1 { font-size: clamp(24px, 4vw, 32px); line-height: 1.2; margin: 0 0 6px; letter-spacing: -0.015em; overflow-wrap: anywhere; }
h2 { font-size: 20px; margin: 52px 0 12px; letter-spacing: -0.01em; scroll-margin-top: 12px; }
h3 { font-size: 15px; margin: 24px 0 8px; }
p { margin: 8px 0; max-width: 76ch; }
a { color: var(--accent); }
code { font-size: 0.92em; background: var(--soft); padding: 1px 5px; border-radius: 4px; }
.muted { color: var(--muted); }
.small { font-size: 13px; }
.lead { font-size: 16.5px; }
nav { display: flex; flex-wrap: wrap; gap: 4px 16px; font-size: 13.5px; margin-top: 14px; }
nav a { text-decoration: none; }
nav a:hover { text-decoration: underline; }
.banner { background: var(--warn); border: 1px solid var(--warnline); border-left-width: 5px; border-radius: 6px; padding: 12px 18px; margin: 20px 0; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(170px, 1fr)); gap: 12px; margin: 22px 0; }
.tile { background: var(--soft); border: 1px solid var(--line); border-radius: 8px; padding: 12px 16px; }
.tile .label { color: var(--muted); font-size: 12.5px; overflow-wrap: anywhere; }
.tile .value { font-size: 23px; font-weight: 600; letter-spacing: -0.02em; font-variant-numeric: tabular-nums; }
.tile .interval { display: block; font-weight: 400; letter-spacing: 0; color: var(--muted); font-size: 12.5px; font-variant-numeric: tabular-nums; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 470px), 1fr)); gap: 20px; align-items: start; }
figure { margin: 0; border: 1px solid var(--line); border-radius: 8px; padding: 14px 14px 8px; background: var(--card); min-width: 0; }
figure svg { display: block; width: 100%; height: auto; max-width: 560px; margin: 0 auto; }
figcaption { font-size: 13px; color: var(--muted); padding: 8px 4px 4px; }
.scroll { margin: 14px 0; overflow-x: auto; border: 1px solid var(--line); border-radius: 8px; }
table { border-collapse: collapse; width: 100%; font-size: 13.5px; }
th { text-align: left; font-weight: 600; color: var(--muted); background: var(--soft); border-bottom: 1px solid var(--line); padding: 8px 12px; vertical-align: bottom; }
td { border-bottom: 1px solid var(--line); padding: 7px 12px; vertical-align: top; }
tr:last-child td { border-bottom: 0; }
td:not(.number):not(:first-child) { min-width: 190px; }
td:first-child { position: sticky; left: 0; background: var(--page); }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
td.number { white-space: nowrap; }
.good { color: var(--good); } .bad { color: var(--bad); font-weight: 600; }
mark { background: var(--mark); color: inherit; border-radius: 3px; padding: 0 2px; }
.facts { display: grid; grid-template-columns: max-content 1fr; gap: 5px 20px; font-size: 14px; margin: 0; }
.facts dt { color: var(--muted); }
.facts dd { margin: 0; overflow-wrap: anywhere; }
.gates { list-style: none; padding: 0; margin: 8px 0; display: grid; gap: 4px; }
.gates li { display: grid; grid-template-columns: 96px minmax(0, 1fr); gap: 12px; font-size: 14px; }
.gates .name { font-family: ui-monospace, Menlo, 'DejaVu Sans Mono', monospace; font-size: 12.5px; overflow-wrap: anywhere; }
.example { border: 1px solid var(--line); border-radius: 8px; margin: 10px 0; padding: 12px 16px; background: var(--card); }
.example .cosines { display: flex; flex-wrap: wrap; gap: 2px 18px; font-size: 13px; color: var(--muted); margin-bottom: 6px; }
.example .cosines data { color: var(--ink); font-variant-numeric: tabular-nums; font-weight: 600; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 300px), 1fr)); gap: 8px 24px; margin-top: 8px; }
.pair .label { font-size: 12px; color: var(--muted); }
.said { font-family: ui-monospace, SFMono-Regular, Menlo, 'DejaVu Sans Mono', monospace; font-size: 12.5px; white-space: pre-wrap; overflow-wrap: anywhere; }
.source { overflow-wrap: anywhere; white-space: pre-wrap; }
details > summary { cursor: pointer; color: var(--accent); font-size: 13.5px; }
pre { background: var(--soft); border: 1px solid var(--line); border-radius: 8px; padding: 14px; overflow-x: auto; font-size: 12.5px; }
ul { margin: 8px 0; padding-left: 20px; overflow-wrap: anywhere; }
@media (max-width: 640px) { main { padding: 24px 16px 64px; } .facts { grid-template-columns: 1fr; gap: 0; } .facts dt { margin-top: 8px; } td, th { padding: 6px 9px; } h2 { margin-top: 40px; } .gates li { grid-template-columns: 1fr; gap: 0; margin-bottom: 6px; } }
@media (prefers-color-scheme: dark) {
  figure svg .background, figure svg > rect:first-of-type { fill: transparent; }
  figure svg text { fill: var(--ink); }
  figure svg .role-title-subtitle text, figure svg .role-axis-title text { fill: var(--muted); }
  figure svg .role-axis-grid line { stroke: var(--line); }
  figure svg .role-axis-domain line, figure svg .role-axis-tick line { stroke: #6a7078; }
}
@media print { .scroll { overflow: visible; } details { display: none; } }
`;
