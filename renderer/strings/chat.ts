/** What the chat says. */
export const chat = {
  noTarget: 'Choose a model first.',
  image: 'Picture (not loaded)',
  table: 'Table',
  checkbox: 'Done',
  code: {
    plain: 'text',
    copy: 'Copy',
    copied: 'Copied',
    label: (language: string): string => (language === '' ? 'Code' : `Code, ${language}`),
  },
} as const;
