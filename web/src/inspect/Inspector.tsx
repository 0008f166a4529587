export default function Inspector(_props: { panel: unknown; onClose: () => void }) {
  return null;
}
