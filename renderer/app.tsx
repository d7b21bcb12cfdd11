import type { ReactElement } from 'react';

export function App(): ReactElement {
  return <main className="p-8">Skein</main>;
}
