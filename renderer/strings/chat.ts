/** What the chat says. */
export const chat = {
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
