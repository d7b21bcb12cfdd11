import { Component, type ReactNode } from 'react';
import { shell } from '../strings/shell.ts';
import { Button } from './button.tsx';
import { EmptyState } from './small.tsx';

interface State {
  readonly problem: string | null;
}

/** A view that fails says so in its place; the rest of the page goes on. */
export class Boundary extends Component<{ readonly children: ReactNode }, State> {
  override state: State = { problem: null };

  static getDerivedStateFromError(error: unknown): State {
    return { problem: error instanceof Error ? error.message : String(error) };
  }

  override render(): ReactNode {
    if (this.state.problem === null) return this.props.children;
    return (
      <EmptyState
        title={shell.crashed}
        action={<Button onClick={() => this.setState({ problem: null })}>{shell.again}</Button>}
      >
        {shell.crashedWhy} ({this.state.problem})
      </EmptyState>
    );
  }
}
