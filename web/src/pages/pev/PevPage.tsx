export function PevPage() {
  return <h1>Pev</h1>;
}
