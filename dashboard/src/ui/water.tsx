const wave = `${'q15-14 30 0t30 0'.repeat(44)}`;

/** Lines of water: the ground of what is calm. */
export function Water() {
  return (
    <svg class="waves" viewBox="0 0 2400 60" preserveAspectRatio="xMidYMax slice" aria-hidden="true">
      {[18, 34, 50].map((y, index) => (
        <path key={y} d={`M${-20 * index} ${y}${wave}`} />
      ))}
    </svg>
  );
}
