// Runs before the first paint, so that a remembered theme doesn't flash. Not a module: those run too late.
"use strict";
try {
  const theme = localStorage.getItem("staddle.theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // Storage can be switched off; the system's theme is used then.
}
// Within another page of ours (the console), that one has the header.
if (window.top !== window) document.documentElement.dataset.embedded = "";
