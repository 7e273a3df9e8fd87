const { columns, reasons } = JSON.parse(document.getElementById("data").textContent);
const plots = document.getElementById("plots");
const slider = document.getElementById("slider");
const now = document.getElementById("now");
const shown = plots.querySelectorAll("b[data-column]");
const last = columns.t_s.length - 1;
function show(seconds) {
  let low = 0, high = last;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (columns.t_s[middle] < seconds) low = middle + 1; else high = middle;
  }
  const why = reasons.filter((name, bit) => columns.reasons[low] >> bit & 1);
  plots.style.setProperty("--cursor", 100 * columns.t_s[low] / slider.max + "%");
  slider.value = seconds;
  for (const b of shown) {
    const value = columns[b.dataset.column][low];
    b.textContent = typeof value === "number"
      ? value.toFixed(Math.abs(value) < 10 ? 2 : 1) : value || "none";
  }
  const t_s = columns.t_s[low];
  now.textContent = (columns.t_s[last] > 10800 ? (t_s / 3600).toFixed(2) + " h, "
    : t_s.toFixed(1) + " s, ") + columns.mode[low]
    + (why.length ? ", does not drive: " + why.join(", ") : "");
}
function point(event) {
  const box = event.target.closest(".plot, .bands")?.getBoundingClientRect();
  if (box) show(slider.max * Math.min(1, Math.max(0, (event.clientX - box.left) / box.width)));
}
plots.addEventListener("pointermove", point);
plots.addEventListener("pointerdown", point);
slider.addEventListener("input", () => show(Number(slider.value)));
