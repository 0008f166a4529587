export default function TracesPanel() {
  return null;
}
