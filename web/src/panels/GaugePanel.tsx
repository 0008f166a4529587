export default function GaugePanel() {
  return null;
}
