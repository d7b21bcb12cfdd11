import { makeAutoObservable } from 'mobx';
import { AppView } from '../../main/core/contract/ipc-app.ts';

export const viewNames = AppView.options;
export type ViewName = AppView;

/** `#/chat/ID`: a view, and what of it is shown. */
export interface Route {
  readonly view: ViewName;
  /** Null = the view itself. */
  readonly detail: string | null;
}

export type Theme = 'system' | 'light' | 'dark';

/** The one dialog that is open, and what it is about. */
export type DialogAbout =
  | { readonly type: 'Create'; readonly modelId?: string }
  | { readonly type: 'Edit'; readonly metaInstanceId: string }
  /** `code`: typed for the person, who decides whether to join with it. */
  | { readonly type: 'Pair'; readonly code?: string };

export interface UiComponents {
  readonly location: Pick<Location, 'hash'>;
  readonly store: Pick<Storage, 'getItem' | 'setItem'>;
  readonly onTheme: (theme: Theme) => void;
  /** A small window for the chat alone. */
  readonly isPanel?: boolean;
}

const THEME = 'skein.theme';
const WELCOMED = 'skein.welcomed';

/** What this page shows. The address follows it, so that a reload shows the same. */
export class UiStore {
  route: Route;
  theme: Theme;
  readonly isPanel: boolean;
  /** Whether the first steps were taken or skipped on this computer. */
  welcomed: boolean;
  /** Undefined = none. */
  dialog: DialogAbout | undefined;
  readonly #components: UiComponents;

  constructor(components: UiComponents) {
    this.#components = components;
    this.isPanel = components.isPanel ?? false;
    this.route = parseRoute(components.location.hash);
    const theme = components.store.getItem(THEME);
    this.theme = theme === 'light' || theme === 'dark' ? theme : 'system';
    this.welcomed = components.store.getItem(WELCOMED) === 'yes';
    makeAutoObservable(this, {}, { autoBind: true, deep: false });
    components.onTheme(this.theme);
  }

  /** The address was changed by hand, by a link, or by going back. */
  onHash(): void {
    this.route = parseRoute(this.#components.location.hash);
  }

  show(view: ViewName, detail: string | null = null): void {
    this.route = { view, detail };
    this.#components.location.hash = hashOf(this.route);
  }

  setTheme(theme: Theme): void {
    this.theme = theme;
    this.#components.store.setItem(THEME, theme);
    this.#components.onTheme(theme);
  }

  welcome(done: boolean): void {
    this.welcomed = done;
    this.#components.store.setItem(WELCOMED, done ? 'yes' : '');
  }

  openDialog(dialog: DialogAbout): void {
    this.dialog = dialog;
  }

  closeDialog(): void {
    this.dialog = undefined;
  }
}

export function parseRoute(hash: string): Route {
  const [view = '', ...rest] = hash.replace(/^#\/?/, '').split('/');
  const name = viewNames.find((each) => each === view);
  if (name === undefined) return { view: 'cluster', detail: null };
  const detail = rest.join('/');
  try {
    return { view: name, detail: detail === '' ? null : decodeURIComponent(detail) };
  } catch {
    return { view: name, detail: null };
  }
}

export const hashOf = ({ view, detail }: Route): string =>
  `#/${view}${detail === null ? '' : `/${encodeURIComponent(detail)}`}`;
