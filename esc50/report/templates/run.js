"use strict";
// Each sound is in the page once; players of one clip share it.
const sounds = JSON.parse(document.getElementById("sounds").textContent);
const equip = (player) => { player.src = sounds[player.dataset.clip]; };
document.querySelectorAll("audio[data-clip]").forEach(equip);

const matrix = document.getElementById("confusion-matrix");
if (matrix) {
  const cells = JSON.parse(document.getElementById("cells").textContent);
  const panel = document.getElementById("tests");
  const buttons = [...matrix.querySelectorAll("button")];
  const make = (kind, text) => Object.assign(document.createElement(kind), { textContent: text ?? "" });

  const show = (button) => {
    buttons.forEach((other) => other.setAttribute("aria-pressed", other === button));
    const list = make("ol");
    for (const test of cells[button.dataset.cell]) {
      const item = make("li", `${test.clip}: confidence ${(100 * test.confidence).toFixed(1)}%, ${test.run}`);
      if (test.clip in sounds) {
        const player = Object.assign(make("audio"), { controls: true, preload: "none" });
        player.dataset.clip = test.clip;
        player.setAttribute("aria-label", test.clip);
        equip(player);
        item.append(player);
      } else {
        const gone = make("p", "This clip cannot be heard here.");
        gone.className = "gone";
        item.append(gone);
      }
      list.append(item);
    }
    panel.replaceChildren(make("h3", button.getAttribute("aria-label")), list);
    panel.hidden = false;
  };

  // One stop for the tab key; arrows lead to the next cell that has tests, in their direction.
  const place = (button) => button.dataset.cell.split("-").map(Number);
  const steps = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] };
  const next = (button, [down, right]) => {
    const [row, column] = place(button);
    const ahead = buttons.map((other) => {
      const [r, c] = place(other);
      return { other, along: (r - row) * down + (c - column) * right, aside: Math.abs((r - row) * right) + Math.abs((c - column) * down) };
    }).filter(({ along }) => along > 0);
    ahead.sort((a, b) => a.aside - b.aside || a.along - b.along);
    return ahead[0]?.other;
  };
  buttons.forEach((button, number) => {
    button.tabIndex = number ? -1 : 0;
    button.addEventListener("click", () => show(button));
    button.addEventListener("keydown", (event) => {
      const to = steps[event.key] && next(button, steps[event.key]);
      if (!steps[event.key]) return;
      event.preventDefault();
      if (!to) return;
      button.tabIndex = -1;
      to.tabIndex = 0;
      to.focus();
    });
  });
}
