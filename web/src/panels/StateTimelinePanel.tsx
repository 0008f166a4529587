export default function StateTimelinePanel() {
  return null;
}
