// Results as files, and text on the clipboard.

/** A field of a CSV line (RFC 4180). What a spreadsheet would take for a formula is made text. */
export function csvField(text) {
  const safe = /^[=+\-@\t\r]/.test(text) && !/^[+-]?[\d.]+$/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** `rows` as CSV with a header; columns in the order given. */
export function csv(rows, columns) {
  const lines = [columns, ...rows.map((row) => columns.map((name) => row[name] ?? ""))];
  return lines.map((line) => line.map(csvField).join(",")).join("\r\n") + "\r\n";
}

export const jsonl = (rows) => rows.map((row) => `${JSON.stringify(row)}\n`).join("");

export function download(text, type, name) {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/** Copies, and says so on the button for a moment. */
export async function copy(text, button) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Without TLS browsers offer only the old way.
    const area = document.createElement("textarea");
    area.value = text;
    area.className = "vh";
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
    button?.focus();
  }
  if (!button) return;
  button.classList.add("done");
  setTimeout(() => button.classList.remove("done"), 1200);
}
