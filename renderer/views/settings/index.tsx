import type { ReactElement } from 'react';
import { EmptyState } from '../../components/small.tsx';
import { shell } from '../../strings/shell.ts';

export default function View(): ReactElement {
  return <EmptyState title={shell.views.settings} />;
}
