"use strict";
// A command is copied by its button. A browser may keep its clipboard from a page that lies on a disk;
// the older way copies what is selected. Where neither works it stays selected, for the keyboard.
async function copy(code) {
  const text = code.textContent;
  try {
    await navigator.clipboard.writeText(text);
    return "copied";
  } catch {
    window.getSelection().selectAllChildren(code);
    return document.execCommand("copy") ? "copied" : "selected: now press Ctrl+C, or Cmd+C";
  }
}
for (const command of document.querySelectorAll(".command")) {
  const said = command.querySelector("[role=status]");
  command.querySelector(".copying").hidden = false;
  command.querySelector(".copy").addEventListener("click", async () => {
    said.textContent = ""; // so that a second time is heard too
    said.textContent = await copy(command.querySelector("code"));
  });
}
