export default function HistogramPanel() {
  return null;
}
