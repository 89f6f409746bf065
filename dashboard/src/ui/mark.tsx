/** The sign of Sluice: a gate over water. */
export function Mark() {
  return (
    <svg class="mark" viewBox="0 0 32 32" width="28" height="28" aria-hidden="true">
      <rect width="32" height="32" rx="8" />
      <path class="gate" d="M8 6v11M24 6v11M8 10h16" />
      <path
        class="water"
        d="M5 21c2.8-2.4 4.8-2.4 7.3 0s4.8 2.4 7.3 0 4.6-2.4 7.4 0M5 26c2.8-2.4 4.8-2.4 7.3 0s4.8 2.4 7.3 0 4.6-2.4 7.4 0"
      />
    </svg>
  );
}
