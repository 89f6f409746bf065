/** A bar as long as a share, 0 to 1, of its place. The figure stands beside it. */
export function Bar({ share }: { share: number }) {
  return (
    <span class="bar-track" aria-hidden="true">
      {share > 0 && <span class="bar-part" style={{ width: `${share * 100}%` }} />}
    </span>
  );
}
