/** Styles of a data sheet: light and dark by the reader's setting, one column on a phone, and light again on paper. */
export const dataSheetStyle = `
:root { color-scheme: light dark; --ink: #1c2024; --muted: #60646c; --line: #e2e4e8; --page: #ffffff; --bar: #0072b2; --warning: #a33a0a; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8eaed; --muted: #a3a9b3; --line: #363b43; --page: #15181c; --bar: #56b4e9; --warning: #f2a37c; }
}
* { box-sizing: border-box; }
body { margin: 0; color: var(--ink); background: var(--page); font: 15px/1.5 system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif; }
main { max-width: 1040px; margin: 0 auto; padding: 32px 24px 72px; }
h1 { font-size: 26px; margin: 0 0 4px; overflow-wrap: anywhere; }
h2 { font-size: 19px; margin: 40px 0 10px; padding-bottom: 6px; border-bottom: 1px solid var(--line); overflow-wrap: anywhere; }
h3 { font-size: 15px; margin: 24px 0 6px; }
p { margin: 8px 0; max-width: 78ch; }
.muted, small { color: var(--muted); }
.warning { color: var(--warning); font-weight: 600; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; margin: 8px 0; font-size: 14px; }
th { text-align: left; font-weight: 600; color: var(--muted); border-bottom: 1px solid var(--line); padding: 6px 12px 6px 0; vertical-align: bottom; }
td { border-bottom: 1px solid var(--line); padding: 6px 12px 6px 0; vertical-align: top; overflow-wrap: break-word; }
td:first-child { min-width: 9em; }
th.number, td.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.facts { display: grid; grid-template-columns: max-content 1fr; gap: 4px 20px; font-size: 14px; }
.facts dt { color: var(--muted); }
.facts dd { margin: 0; overflow-wrap: anywhere; }
.figures, .columns { display: grid; grid-template-columns: repeat(auto-fit, minmax(260px, 1fr)); gap: 8px 32px; align-items: start; }
figure { margin: 8px 0; }
figcaption { font-weight: 600; font-size: 14px; }
figure p { margin: 0; font-size: 13px; }
svg { display: block; width: 100%; height: auto; max-width: 420px; }
.bar { fill: var(--bar); }
.axis { stroke: var(--muted); }
.tick { fill: var(--muted); font-size: 11px; }
.words span { display: inline-block; margin-right: 10px; }
.text { white-space: pre-wrap; min-width: 14em; overflow-wrap: anywhere; }
summary { cursor: pointer; }
@media (max-width: 600px) {
  main { padding: 20px 16px 48px; }
  .facts { grid-template-columns: 1fr; gap: 0; }
  .facts dd { margin-bottom: 6px; }
}
@media print {
  :root { color-scheme: light; --ink: #000000; --muted: #444444; --line: #bbbbbb; --page: #ffffff; --bar: #0072b2; --warning: #7a2a05; }
  main { max-width: none; padding: 0; }
  section, figure, tr { break-inside: avoid-page; }
}
`;
