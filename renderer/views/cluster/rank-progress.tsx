import { useEffect, useRef, useState, type ReactElement } from 'react';
import { Progress } from '../../components/small.tsx';
import { formatBytes, formatDuration } from '../../lib/format.ts';
import type { RankRow } from '../../stores/cluster/instance-rows.ts';
import { cluster } from '../../strings/cluster.ts';

/** @param whole with its layers, also when it is ready */
export function RankProgress({
  rank,
  now,
  whole = false,
}: {
  readonly rank: RankRow;
  readonly now: number;
  readonly whole?: boolean;
}): ReactElement {
  const { step, node } = rank;
  const speed = useSpeed(step.type === 'Downloading' ? step.doneBytes : null, now);
  const text = textOf(step, speed);
  return (
    <li className="flex flex-col gap-1">
      <span className="flex flex-wrap justify-between gap-x-3">
        <span>
          {node}
          {whole && <span className="text-muted"> · {cluster.layers(rank.firstLayer, rank.lastLayer)}</span>}
        </span>
        <span className={step.type === 'Failed' ? 'text-bad' : 'text-muted'}>{text}</span>
      </span>
      {bar(step, `${node}: ${text}`)}
    </li>
  );
}

function bar(step: RankRow['step'], label: string): ReactElement | null {
  switch (step.type) {
    case 'Downloading':
      return <Progress value={step.doneBytes} max={step.totalBytes} label={label} />;
    case 'Loading':
      return <Progress value={step.layers} max={step.totalLayers} label={label} />;
    case 'Starting':
    case 'Connecting':
    case 'WarmingUp':
      return <Progress value={null} max={1} label={label} />;
    default:
      return null;
  }
}

function textOf(step: RankRow['step'], bytesPerSecond: number | null): string {
  switch (step.type) {
    case 'Downloading': {
      const text = cluster.step.Downloading(formatBytes(step.doneBytes), formatBytes(step.totalBytes));
      if (bytesPerSecond === null || bytesPerSecond <= 0) return text;
      const left = ((step.totalBytes - step.doneBytes) / bytesPerSecond) * 1_000;
      return `${text}, ${cluster.step.speed(formatBytes(bytesPerSecond), formatDuration(left))}`;
    }
    case 'Loading':
      return cluster.step.Loading(step.layers, step.totalLayers);
    case 'Failed':
      return step.message;
    default:
      return cluster.step[step.type];
  }
}

const OVER_MS = 5_000;

/** Bytes per second over the last seconds; null = not known yet. */
function useSpeed(doneBytes: number | null, now: number): number | null {
  const seen = useRef<{ at: number; bytes: number }[]>([]);
  const [speed, setSpeed] = useState<number | null>(null);
  useEffect(() => {
    if (doneBytes === null) return;
    const samples = [...seen.current, { at: now, bytes: doneBytes }].filter(({ at }) => now - at <= OVER_MS);
    seen.current = samples;
    const [first] = samples;
    if (first === undefined || now === first.at) return;
    setSpeed(((doneBytes - first.bytes) / (now - first.at)) * 1_000);
    // Each new count is one sample; `now` alone is none.
  }, [doneBytes]); // eslint-disable-line react-hooks/exhaustive-deps
  return speed;
}
