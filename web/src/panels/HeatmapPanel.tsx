export default function HeatmapPanel() {
  return null;
}
