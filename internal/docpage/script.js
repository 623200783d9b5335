// Shows the buttons that copy a code block. Everything else on the page works without a script.
for (const button of document.querySelectorAll(".doc .copy")) {
  const label = button.textContent;
  button.hidden = false;
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(button.parentElement.querySelector("code").textContent);
    } catch {
      return; // only pages with https may use the clipboard
    }
    button.textContent = document.body.dataset.copied;
    setTimeout(() => {
      button.textContent = label;
    }, 2000);
  });
}
