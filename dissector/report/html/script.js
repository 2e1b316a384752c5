"use strict";
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const overview = document.getElementById("overview");
  const pages = all(".page");
  const headings = all(".pages-h");

  // show each device or server as a separate page
  const route = () => {
    let target = null;
    try { target = document.getElementById(decodeURIComponent(location.hash.slice(1))); } catch { /* no such anchor */ }
    const page = target && target.closest(".page");
    overview.classList.toggle("gone", Boolean(page));
    for (const each of pages) each.classList.toggle("gone", each !== page);
    for (const each of headings) each.classList.toggle("gone", !page || each.parentElement !== page.parentElement);
    if (target) {
      target.scrollIntoView({ behavior: "instant" });
      if (page) { page.tabIndex = -1; page.focus({ preventScroll: true }); }
    }
  };
  addEventListener("hashchange", route);

  // a click on a heading sorts the table, a second click reverses the order
  const value = (row, index) => {
    const cell = row.cells[index];
    const text = cell.dataset.sort ?? cell.textContent.trim();
    const number = Number(text.replaceAll(",", ""));
    return text !== "" && Number.isFinite(number) ? number : text;
  };
  const compare = (one, other) => typeof one === typeof other
    ? (typeof one === "number" ? one - other : one.localeCompare(other, undefined, { numeric: true }))
    : (typeof one === "number" ? -1 : 1);
  for (const table of all("table.sortable")) {
    all("th", table).forEach((head, index) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = head.textContent;
      head.replaceChildren(button);
      button.addEventListener("click", () => {
        const down = head.getAttribute("aria-sort") === "ascending";
        all("th", table).forEach((each) => each.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        const body = table.tBodies[0];
        const rows = [...body.rows].map((row) => [value(row, index), row]);
        rows.sort((one, other) => (down ? -1 : 1) * compare(one[0], other[0]));
        body.append(...rows.map(([, row]) => row));
      });
    });
  }

  // hide rows that do not match the filters
  const tools = all("[data-filters]");
  const filter = (name) => {
    const mine = tools.filter((each) => each.dataset.filters === name);
    const words = mine.filter((each) => each.type === "search").map((each) => each.value.toLowerCase());
    const worst = mine.find((each) => each.tagName === "SELECT")?.value ?? "";
    let count = 0;
    for (const row of all("[data-row]", document.getElementById(name))) {
      const text = row.textContent.toLowerCase();
      const fits = words.every((word) => text.includes(word)) && (!worst || row.dataset.worst === worst);
      row.classList.toggle("gone", !fits);
      count += fits;
    }
    if (name === "device-rows") document.getElementById("device-count").textContent = `${count} shown`;
  };
  for (const tool of tools) for (const what of ["input", "change"]) tool.addEventListener(what, () => filter(tool.dataset.filters));
  for (const each of all(".tools")) each.hidden = false;
  route();
})();
