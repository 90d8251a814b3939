"""What makes the HTML page searchable and sortable. Without JavaScript it is a plain table."""

STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.45 system-ui, sans-serif; margin: 1.5rem; max-width: 110rem; }
p { max-width: 60rem; }
table { border-collapse: collapse; font-size: 13px; }
th, td { border: 1px solid #ccc; padding: .2rem .45rem; text-align: left; vertical-align: top; }
th { position: sticky; top: 0; background: #f2f2f2; padding: 0; }
th button { all: unset; cursor: pointer; padding: .3rem .45rem; font-weight: 600; }
th button:focus-visible { outline: 2px solid #06c; }
th[aria-sort=ascending] button::after { content: " \\25B2"; }
th[aria-sort=descending] button::after { content: " \\25BC"; }
td:nth-last-child(2) { white-space: nowrap; }
.yes { background: #dff3df; } .no { background: #f9dddd; } .none { color: #666; }
@media (prefers-color-scheme: dark) {
  body { background: #181818; color: #ddd; } th { background: #2a2a2a; }
  th, td { border-color: #444; } .yes { background: #1d3a1d; } .no { background: #4a2020; }
  .none { color: #999; }
}
"""

SCRIPT = """
const body = document.querySelector("tbody");
const rows = [...body.rows];
const heads = [...document.querySelectorAll("th")];
const search = document.getElementById("search");
function filter() {
  const words = search.value.toLowerCase().split(/\\s+/).filter(Boolean);
  let shown = 0;
  for (const row of rows) {
    const text = row.textContent.toLowerCase();
    row.hidden = !words.every(word => text.includes(word));
    shown += !row.hidden;
  }
  document.getElementById("count").textContent = `${shown} of ${rows.length} packages`;
}
heads.forEach((head, column) => head.firstChild.addEventListener("click", () => {
  const up = head.getAttribute("aria-sort") !== "ascending";
  heads.forEach(each => each.setAttribute("aria-sort", "none"));
  head.setAttribute("aria-sort", up ? "ascending" : "descending");
  const text = row => row.cells[column].textContent;
  rows.sort((a, b) => (up ? 1 : -1) * text(a).localeCompare(text(b), "en", {numeric: true}));
  body.append(...rows);
}));
search.addEventListener("input", filter);
search.value = decodeURIComponent(location.hash.slice(1));
filter();
"""
