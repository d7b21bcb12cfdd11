import { observer } from 'mobx-react-lite';
import { type ReactElement, useId, useState } from 'react';
import { ChatSettings } from '../../../main/core/contract/ipc-conversation.ts';
import { Button } from '../../components/button.tsx';
import type { OpenConversation } from '../../stores/chat/open-conversation.ts';
import { chat } from '../../strings/chat.ts';

type NumberKey = Exclude<keyof ChatSettings, 'systemPrompt'>;

interface NumberField {
  readonly key: NumberKey;
  readonly label: string;
  readonly hint: string;
  readonly step: number;
  /** What the node takes where nothing is set; null = no figure. */
  readonly usual: number | null;
  /** For the slider; null = typed. */
  readonly range: readonly [min: number, max: number] | null;
}

const { settings } = chat;

const FIELDS: readonly NumberField[] = [
  {
    key: 'temperature',
    label: settings.temperature,
    hint: settings.temperatureHint,
    step: 0.05,
    usual: 0.7,
    range: [0, 2],
  },
  { key: 'topP', label: settings.topP, hint: settings.topPHint, step: 0.01, usual: 1, range: [0.01, 1] },
  { key: 'minP', label: settings.minP, hint: settings.minPHint, step: 0.01, usual: 0, range: [0, 0.99] },
  { key: 'topK', label: settings.topK, hint: settings.topKHint, step: 1, usual: 0, range: null },
  {
    key: 'repetitionPenalty',
    label: settings.repetition,
    hint: settings.repetitionHint,
    step: 0.05,
    usual: 1,
    range: [1, 2],
  },
  {
    key: 'maxTokens',
    label: settings.maxTokens,
    hint: settings.maxTokensHint,
    step: 1,
    usual: null,
    range: null,
  },
  { key: 'seed', label: settings.seed, hint: settings.seedHint, step: 1, usual: null, range: null },
];

/** System prompt and sampling of one conversation; what is not set is the node's usual. */
export const ChatSettingsForm = observer(function ChatSettingsForm({
  conversation,
}: {
  readonly conversation: OpenConversation;
}): ReactElement {
  const { settings: set } = conversation;
  const change = (key: keyof ChatSettings, value: number | string | undefined): void => {
    const { [key]: _, ...rest } = set;
    const next = ChatSettings.safeParse(value === undefined ? rest : { ...rest, [key]: value });
    if (next.success) void conversation.setSettings(next.data);
  };
  return (
    <div className="flex flex-col gap-4">
      <SystemPrompt
        key={conversation.id}
        value={set.systemPrompt ?? ''}
        change={(text) => change('systemPrompt', text.trim() === '' ? undefined : text)}
      />
      {FIELDS.map((field) => (
        <NumberRow
          key={field.key}
          field={field}
          value={set[field.key]}
          change={(value) => change(field.key, value)}
        />
      ))}
      <Button
        className="self-start"
        disabled={Object.keys(set).length === 0}
        onClick={() => void conversation.setSettings({})}
      >
        {settings.reset}
      </Button>
    </div>
  );
});

/** Kept when the field is left, and when it is closed. */
function SystemPrompt({
  value,
  change,
}: {
  readonly value: string;
  readonly change: (text: string) => void;
}): ReactElement {
  /** Null = nothing is typed: what is in force is shown. */
  const [typed, setTyped] = useState<string | null>(null);
  const hint = useId();
  return (
    <label className="flex flex-col gap-1">
      <span className="font-medium">{settings.system}</span>
      <textarea
        className="chat-field"
        rows={4}
        maxLength={100_000}
        aria-describedby={hint}
        value={typed ?? value}
        onChange={(event) => setTyped(event.target.value)}
        onBlur={() => {
          if (typed !== null && typed !== value) change(typed);
          setTyped(null);
        }}
      />
      <span id={hint} className="text-xs text-muted">
        {settings.systemHint}
      </span>
    </label>
  );
}

function NumberRow({
  field: { key, label, hint, step, usual, range },
  value,
  change,
}: {
  readonly field: NumberField;
  readonly value: number | undefined;
  readonly change: (value: number | undefined) => void;
}): ReactElement {
  const id = useId();
  /** Null = nothing is typed: what is in force is shown. */
  const [typed, setTyped] = useState<string | null>(null);
  const text = typed ?? String(value ?? '');
  /** The slider and the field show one text; it counts when the hand is taken off. */
  const take = (): void => {
    const number = text.trim() === '' ? undefined : Number(text.replace(',', '.'));
    // What the node would refuse goes back to what is in force.
    if (number === undefined || ChatSettings.shape[key].safeParse(number).success)
      if (number !== value) change(number);
    setTyped(null);
  };
  return (
    <div className="flex flex-col gap-1">
      <div className="flex items-center gap-3">
        <label htmlFor={id} className="grow font-medium">
          {label}
        </label>
        <input
          id={id}
          className="chat-field w-24 text-right tabular-nums"
          inputMode="decimal"
          aria-describedby={`${id}-hint`}
          placeholder={usual === null ? '' : String(usual)}
          value={text}
          onChange={(event) => setTyped(event.target.value)}
          onBlur={take}
          onKeyDown={(event) => {
            if (event.key === 'Enter') take();
          }}
        />
      </div>
      {range !== null && (
        <input
          type="range"
          aria-label={label}
          aria-describedby={`${id}-hint`}
          className="chat-range"
          min={range[0]}
          max={range[1]}
          step={step}
          value={text === '' ? (usual ?? range[0]) : Number(text)}
          onChange={(event) => setTyped(event.target.value)}
          onPointerUp={take}
          onKeyUp={take}
          onBlur={take}
        />
      )}
      <span id={`${id}-hint`} className="text-xs text-muted">
        {hint}
      </span>
    </div>
  );
}
