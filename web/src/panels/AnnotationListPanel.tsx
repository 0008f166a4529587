export default function AnnotationListPanel() {
  return null;
}
