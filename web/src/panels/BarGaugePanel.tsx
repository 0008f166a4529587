export default function BarGaugePanel() {
  return null;
}
