import type { JSX } from 'preact';
import { useState } from 'preact/hooks';

const key = 'skiff.theme';
const themes = ['system', 'light', 'dark'] as const;
type Theme = (typeof themes)[number];

const chosen = (): Theme => themes.find((theme) => theme === localStorage.getItem(key)) ?? 'system';

export function applyTheme(theme: Theme = chosen()): void {
  const { dataset } = document.documentElement;
  if (theme === 'system') delete dataset['theme'];
  else dataset['theme'] = theme;
}

export function ThemeSwitch(): JSX.Element {
  const [theme, set] = useState(chosen());
  return (
    <label class="theme">
      <span class="wide">Colours </span>
      <select
        aria-label="Colours"
        value={theme}
        onChange={(event) => {
          const next = themes.find((one) => one === event.currentTarget.value) ?? 'system';
          localStorage.setItem(key, next);
          applyTheme(next);
          set(next);
        }}
      >
        {themes.map((one) => (
          <option key={one} value={one}>
            {one}
          </option>
        ))}
      </select>
    </label>
  );
}
