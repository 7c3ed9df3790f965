"""The report's style sheet: light and dark, wide and narrow."""

STYLE = """\
:root {
  color-scheme: light dark;
  --paper: #ffffff; --ink: #111827; --soft: #4b5563; --line: #d1d5db; --card: #f8fafc; --link: #0f6e84;
  --supported: #166534; --refuted: #991b1b; --inconclusive: #854d0e; --none: #4b5563;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #0f141b; --ink: #f3f4f6; --soft: #b6bfcc; --line: #374151; --card: #171e28; --link: #5cc4da;
    --supported: #86efac; --refuted: #fca5a5; --inconclusive: #fcd34d; --none: #b6bfcc;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
main { max-width: 1100px; margin: 0 auto; padding: 24px 16px 64px; }
h1 { font-size: 1.8rem; line-height: 1.2; margin: 0 0 8px; overflow-wrap: anywhere; }
h2 { font-size: 1.35rem; margin: 40px 0 8px; padding-top: 12px; border-top: 1px solid var(--line); }
h3 { font-size: 1rem; margin: 0 0 8px; }
p, li, dd { max-width: 78ch; overflow-wrap: anywhere; }
a { color: var(--link); }
code { font: 0.9em ui-monospace, "SF Mono", Menlo, Consolas, monospace; overflow-wrap: anywhere; }
.soft, figcaption, caption { color: var(--soft); }
.answer { font-size: 1.05rem; }
.contents { display: flex; flex-wrap: wrap; gap: 4px 16px; padding: 0; list-style: none; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 4px 16px; margin: 8px 0; }
dt { color: var(--soft); }
dd { margin: 0; }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(310px, 1fr)); gap: 16px; align-items: start; }
.card { border: 1px solid var(--line); border-radius: 8px; padding: 14px 16px; background: var(--card); }
.card p { margin: 6px 0; }
.card .numbers { font-size: 0.875rem; color: var(--soft); }
.verdict { font-weight: 600; }
.supported { color: var(--supported); } .refuted { color: var(--refuted); }
.inconclusive { color: var(--inconclusive); } .not-applicable { color: var(--none); }
figure { margin: 16px 0 8px; }
.chart { background: #ffffff; border: 1px solid var(--line); border-radius: 8px; padding: 8px; overflow: hidden; }
.narrow { display: none; }
figcaption { font-size: 0.9rem; margin-top: 6px; max-width: 90ch; }
details { margin: 8px 0; }
summary { cursor: pointer; color: var(--link); width: fit-content; }
.scroll { overflow: auto; max-height: 640px; margin: 8px 0; border: 1px solid var(--line); border-radius: 6px; }
:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
table { border-collapse: collapse; font-size: 0.85rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; padding: 6px 8px; font-size: 0.85rem; }
th, td { padding: 3px 10px; border-top: 1px solid var(--line); text-align: left; vertical-align: top; }
thead th { min-width: 5.5em; vertical-align: bottom; }
tbody th { white-space: nowrap; max-width: 24em; overflow: hidden; text-overflow: ellipsis; }
td.number { text-align: right; white-space: nowrap; }
@media (max-width: 700px) {
  .wide { display: none; }
  .narrow { display: block; }
  main { padding: 16px 12px 48px; }
  .chart { padding: 4px 0; }
  dl { grid-template-columns: 1fr; gap: 0; }
  dd { margin-bottom: 6px; }
  .cards { grid-template-columns: 1fr; }
}
@media print {
  .scroll { max-height: none; overflow: visible; }
}
"""
