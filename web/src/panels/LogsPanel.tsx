export default function LogsPanel() {
  return null;
}
