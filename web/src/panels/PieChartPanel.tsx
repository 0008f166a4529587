export default function PieChartPanel() {
  return null;
}
