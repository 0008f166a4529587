export default function AlertListPanel() {
  return null;
}
