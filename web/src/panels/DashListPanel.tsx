export default function DashListPanel() {
  return null;
}
