import {
  CircleCheck,
  CircleX,
  HardDrive,
  LoaderCircle,
  MessageCircle,
  Play,
  TriangleAlert,
} from 'lucide-react';
import { observer } from 'mobx-react-lite';
import type { ReactElement, ReactNode } from 'react';
import { formatBytes } from '../../../main/core/unit.ts';
import { Button } from '../../components/button.tsx';
import { Badge, Progress } from '../../components/small.tsx';
import type { Fit } from '../../stores/model-store.ts';
import type { ModelRow, NodeShare } from '../../stores/models/model-rows.ts';
import { chat as chatStrings } from '../../strings/chat.ts';
import { models } from '../../strings/models.ts';
import { toneOf } from '../chat/tone.ts';

/** One model: what it is, whether it fits, where it lies, what runs of it, and the two things to do with it. */
export const ModelView = observer(function ModelView({
  row: { card, shares, runs },
  fit,
  run,
  chat,
}: {
  readonly row: ModelRow;
  /** Undefined = not told yet. */
  readonly fit: Fit | undefined;
  readonly run: () => void;
  /** Null = nothing of it runs. */
  readonly chat: (() => void) | null;
}): ReactElement {
  return (
    <article aria-label={card.title} className="flex flex-col gap-3 rounded-lg bg-raised p-4 shadow-card">
      <header className="flex items-start gap-3">
        <div className="min-w-0 grow">
          <h2 className="truncate text-base font-semibold">{card.title}</h2>
          <p className="truncate text-muted">
            {[card.architecture, card.quantization, formatBytes(card.fileBytes)].join(' · ')}
          </p>
        </div>
        <div className="flex shrink-0 gap-2">
          {chat !== null && (
            <Button
              icon={<MessageCircle size={14} aria-hidden />}
              aria-label={models.chatLabel(card.title)}
              onClick={chat}
            >
              {models.chat}
            </Button>
          )}
          <Button
            look={chat === null ? 'primary' : 'plain'}
            icon={<Play size={14} aria-hidden />}
            aria-label={models.runLabel(card.title)}
            onClick={run}
          >
            {models.run}
          </Button>
        </div>
      </header>
      <FitLine fit={fit} />
      <Shares shares={shares} />
      {runs.length > 0 && (
        <ul className="flex flex-wrap gap-1.5" aria-label={models.running}>
          {runs.map(({ id, phase }) => (
            <li key={id}>
              <Badge tone={toneOf(phase)}>{models.runs(id, chatStrings.model.phase[phase])}</Badge>
            </li>
          ))}
        </ul>
      )}
      <dl className="grid grid-cols-[auto_1fr] gap-x-4 gap-y-1 text-xs sm:grid-cols-[auto_1fr_auto_1fr]">
        <Fact name={models.parameters.memory}>{formatBytes(card.weightBytes)}</Fact>
        <Fact name={models.parameters.context}>{models.parameters.contextOf(card.contextLength)}</Fact>
        <Fact name={models.parameters.layers}>{card.layers}</Fact>
        <Fact name={models.parameters.license}>
          {card.license === '' ? models.parameters.unknown : card.license}
        </Fact>
      </dl>
    </article>
  );
});

function Fact({ name, children }: { readonly name: string; readonly children: ReactNode }): ReactElement {
  return (
    <>
      <dt className="text-muted">{name}</dt>
      <dd className="min-w-0 truncate tabular-nums">{children}</dd>
    </>
  );
}

function Line({ icon, children }: { readonly icon: ReactNode; readonly children: ReactNode }): ReactElement {
  return (
    <div className="flex items-start gap-2">
      <span className="mt-0.5 shrink-0">{icon}</span>
      <div className="min-w-0 wrap-anywhere">{children}</div>
    </div>
  );
}

/** What placement says of it now. */
function FitLine({ fit }: { readonly fit: Fit | undefined }): ReactElement {
  if (fit === undefined)
    return (
      <Line icon={<LoaderCircle size={15} aria-hidden className="text-muted" />}>
        <span className="text-muted">{models.fits.asking}</span>
      </Line>
    );
  const prediction = fit.candidates[0]?.prediction;
  if (prediction === undefined)
    return (
      <Line icon={<CircleX size={15} aria-hidden className="text-bad" />}>
        <p>{models.fits.no}</p>
        <p className="text-muted">{fit.error}</p>
        {fit.changes.length > 0 && <p className="text-muted">{fit.changes[0]}</p>}
      </Line>
    );
  const names = prediction.nodes.map(({ name }) => name);
  const [first = ''] = names;
  const gives = fit.gives_way.map(({ meta_instance_id, model_id }) => meta_instance_id ?? model_id);
  return (
    <Line icon={<CircleCheck size={15} aria-hidden className="text-ok" />}>
      {names.length === 1 ? models.fits.onOne(first) : models.fits.onSeveral(names)}
      <span className="text-muted">
        {prediction.measured && `, ${models.fits.speed(prediction.tokens_per_second)}`}
        {gives.length > 0 && `, ${models.fits.givesWay(gives)}`}
      </span>
    </Line>
  );
}

function Shares({ shares }: { readonly shares: readonly NodeShare[] }): ReactElement {
  const here = shares.filter(({ type }) => type === 'Here').map(({ node }) => node);
  return (
    <div className="flex flex-col gap-2">
      {shares.length === 0 && (
        <Line icon={<HardDrive size={15} aria-hidden className="text-muted" />}>
          <span className="text-muted">{models.nowhere}</span>
        </Line>
      )}
      {here.length > 0 && (
        <Line icon={<HardDrive size={15} aria-hidden className="text-muted" />}>{models.onNodes(here)}</Line>
      )}
      {shares.map((share) => {
        switch (share.type) {
          case 'Here':
            return null;
          case 'Failed':
            return (
              <Line key={share.node} icon={<TriangleAlert size={15} aria-hidden className="text-warn" />}>
                <p>{models.fetchFailed(share.node)}</p>
                <p className="text-muted">{share.message}</p>
              </Line>
            );
          case 'Fetching':
            return <Fetching key={share.node} share={share} />;
        }
      })}
    </div>
  );
}

function Fetching({ share }: { readonly share: Extract<NodeShare, { type: 'Fetching' }> }): ReactElement {
  const { node, doneBytes, totalBytes } = share;
  return (
    <div className="flex flex-col gap-1">
      <p className="flex justify-between gap-3">
        <span>{models.fetching(node)}</span>
        <span className="text-muted tabular-nums">
          {models.fetchingOf(formatBytes(doneBytes), formatBytes(totalBytes))}
        </span>
      </p>
      <Progress value={doneBytes} max={totalBytes} label={models.fetching(node)} />
    </div>
  );
}
