export default function BarChartPanel() {
  return null;
}
