export default function TreemapPanel() {
  return null;
}
